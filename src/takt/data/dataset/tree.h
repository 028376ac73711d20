// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace takt::dataset {

// The folders data/, videos/ and meta/ of a set, changed together by one rename.
//
// While a set is written, the three are links into .takt/current, which is itself a link to one of two trees:
//
//   meta -> .takt/current/meta      .takt/current -> a      .takt/a/{data,videos,meta}      .takt/b/{data,videos,meta}
//
// A batch of changes goes to the tree that is not current; the commit renames a new link over .takt/current. What a
// reader sees is the tree before or the tree after, whenever the process dies. The next batch first brings the other
// tree up to date with hard links, so the cost of a commit is that of its own changes.
// Files of the current tree are never changed; no file is changed in place that the current tree shares.
class TwinTree {
 public:
  // Opens the folder, makes it if it is not there, completes what a dead process left half-done. `sync`: fsync what a
  // commit needs before it. Errors: io, also when another process holds the folder.
  TwinTree(std::filesystem::path folder, bool sync);
  TwinTree(const TwinTree&) = delete;
  TwinTree& operator=(const TwinTree&) = delete;
  ~TwinTree();

  // Whether there is a set. Its files are under root(): the folder itself, or the current tree.
  bool exists() const;
  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path root() const;

  // Changes for the next commit; paths are relative to the root. Put replaces or adds a file, Append adds to the end of
  // a text file (or makes it), Remove takes a file away. A batch that ended in an exception is dropped by the next one.
  void Begin();
  void Put(const std::filesystem::path& path, std::span<const uint8_t> bytes);
  void Put(const std::filesystem::path& path, std::string_view text);
  void Append(const std::filesystem::path& path, std::string_view text);
  void Remove(const std::filesystem::path& path);
  void Commit();

  // A tree built from scratch beside the current one: an empty folder, for the caller to fill; then CommitFresh makes it
  // current. LinkFrom adds a file of the current tree to it.
  std::filesystem::path BeginFresh();
  void LinkFromCurrent(const std::filesystem::path& from, const std::filesystem::path& to);
  void PutFresh(const std::filesystem::path& path, std::span<const uint8_t> bytes);
  void CommitFresh();

  // Turns the links back into plain folders and removes .takt. The set stays whole at every step where the file system
  // can exchange two names (ext4, xfs, btrfs, tmpfs, overlayfs); on others (NFS) a folder is missing for an instant.
  void Finish();

 private:
  enum class ChangeKind { kPut, kAppend, kRemove };
  struct Change {
    ChangeKind kind;
    std::filesystem::path path;
    std::string text;  // kAppend
  };
  std::filesystem::path Tree(std::string_view name) const;
  void Recover();
  void MakeLinked();
  void CopyTree(const std::filesystem::path& from, const std::filesystem::path& to);
  void PointTo(std::string_view name);
  void MakeTopLinks();
  void MakeFolder(const std::filesystem::path& folder);

  std::filesystem::path folder_;
  bool sync_ = false;
  int lock_ = -1;
  std::string front_, back_;         // names of trees; front_ is empty while there is none
  bool back_ready_ = false;          // the back tree is the front tree but for behind_
  std::vector<Change> behind_;       // of the last commit
  std::vector<Change> batch_;        // of this one
  bool open_batch_ = false;
};

// Called before every change to a file system that a tree makes, with its kind ("write", "link", "rename" ...): tests
// stop the process there. Null: nothing is called.
void SetFileOperationHook(std::function<void(std::string_view kind)> hook);

}  // namespace takt::dataset
