// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/tree.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "takt/core/base/error.h"

namespace takt::dataset {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kParts[] = {"videos", "data", "meta"};  // meta last: readers begin there
constexpr std::string_view kFresh = "packed";

std::function<void(std::string_view)>& Hook() {
  static std::function<void(std::string_view)> hook;
  return hook;
}

void Before(std::string_view kind) {
  if (Hook()) Hook()(kind);
}

Error SystemError(const fs::path& path, std::string_view doing) {
  return Error(ErrorCode::kIo, path.string(), fmt::format("cannot {}: {}", doing, std::strerror(errno)));
}

void Sync(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw SystemError(path, "open");
  const int result = ::fsync(fd);
  ::close(fd);
  if (result != 0) throw SystemError(path, "sync");
}

void WriteBytes(const fs::path& path, int flags, std::span<const uint8_t> bytes, bool sync) {
  Before("write");
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0666);
  if (fd < 0) throw SystemError(path, "write");
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t sent = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) {
      const Error error = SystemError(path, "write");
      ::close(fd);
      throw error;
    }
    done += static_cast<size_t>(sent);
  }
  const bool failed = sync && ::fsync(fd) != 0;
  const Error error = SystemError(path, "write");
  if (::close(fd) != 0 || failed) throw error;
}

void Unlink(const fs::path& path) {
  Before("unlink");
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) throw SystemError(path, "remove");
}

void Link(const fs::path& from, const fs::path& to) {
  Before("link");
  if (::link(from.c_str(), to.c_str()) == 0) return;
  if (errno != EPERM && errno != EXDEV && errno != EMLINK && errno != EOPNOTSUPP) throw SystemError(to, "link");
  // A file system without hard links.
  std::error_code failed;
  fs::copy_file(from, to, fs::copy_options::overwrite_existing, failed);
  if (failed) throw Error(ErrorCode::kIo, to.string(), fmt::format("cannot copy: {}", failed.message()));
}

// Hard links, but for text that grows at its end: two trees must not share that.
void LinkOrCopy(const fs::path& from, const fs::path& to) {
  if (from.extension() != ".jsonl") return Link(from, to);
  Before("write");
  std::error_code failed;
  fs::copy_file(from, to, failed);
  if (failed) throw Error(ErrorCode::kIo, to.string(), fmt::format("cannot copy: {}", failed.message()));
}

void Symlink(const std::string& target, const fs::path& path) {
  Before("symlink");
  if (::symlink(target.c_str(), path.c_str()) != 0) throw SystemError(path, "link");
}

void Rename(const fs::path& from, const fs::path& to) {
  Before("rename");
  if (::rename(from.c_str(), to.c_str()) != 0) throw SystemError(to, "rename");
}

// Two names change places at once.
void Exchange(const fs::path& a, const fs::path& b) {
  Before("exchange");
  if (::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0) return;
  if (errno != EINVAL && errno != ENOSYS) throw SystemError(b, "rename");
  fs::path aside = a;
  aside += ".aside";
  Rename(b, aside);
  Rename(a, b);
  Rename(aside, a);
}

void RemoveAll(const fs::path& path) {
  Before("remove");
  std::error_code failed;
  fs::remove_all(path, failed);
  if (failed) throw Error(ErrorCode::kIo, path.string(), fmt::format("cannot remove: {}", failed.message()));
}

bool IsLink(const fs::path& path) { return fs::is_symlink(fs::symlink_status(path)); }
bool IsFolder(const fs::path& path) { return fs::is_directory(fs::symlink_status(path)); }

}  // namespace

void SetFileOperationHook(std::function<void(std::string_view kind)> hook) { Hook() = std::move(hook); }

TwinTree::TwinTree(fs::path folder, bool sync) : folder_(std::move(folder)), sync_(sync) {
  std::error_code failed;
  Before("mkdir");
  fs::create_directories(folder_, failed);
  if (failed) throw Error(ErrorCode::kIo, folder_.string(), fmt::format("cannot make the folder: {}", failed.message()));
  lock_ = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock_ < 0) throw SystemError(folder_, "open");
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock_);
    throw Error(ErrorCode::kIo, folder_.string(), "is being written by another process",
                "wait for it, or give --out another folder");
  }
  try {
    Recover();
  } catch (...) {
    ::close(lock_);
    throw;
  }
}

TwinTree::~TwinTree() { ::close(lock_); }

fs::path TwinTree::Tree(std::string_view name) const { return folder_ / ".takt" / name; }

bool TwinTree::exists() const { return !front_.empty() || IsFolder(folder_ / "meta"); }

fs::path TwinTree::root() const { return front_.empty() ? folder_ : Tree(front_); }

void TwinTree::MakeFolder(const fs::path& folder) {
  if (fs::is_directory(folder)) return;
  Before("mkdir");
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) throw Error(ErrorCode::kIo, folder.string(), fmt::format("cannot make the folder: {}", failed.message()));
}

// What can be found: no .takt; .takt without `current` (nothing was committed, or Finish got past its last exchange);
// all three parts linked or, before the first commit ended, not yet there; some parts linked and some plain (Finish or
// MakeLinked was stopped: both sides hold the same, so what is left is exchanged).
void TwinTree::Recover() {
  const fs::path current = Tree("current");
  if (!IsLink(current)) {
    if (IsFolder(folder_ / ".takt")) RemoveAll(folder_ / ".takt");
    return;
  }
  front_ = fs::read_symlink(current).string();
  if (front_.find('/') != std::string::npos || !IsFolder(Tree(front_))) {
    throw Error(ErrorCode::kBadInput, current.string(), "does not point to a tree of the set");
  }
  bool plain = false;
  for (const std::string_view part : kParts) plain = plain || IsFolder(folder_ / part);
  if (plain) {
    Finish();
  } else {
    MakeTopLinks();
  }
}

void TwinTree::MakeTopLinks() {
  for (const std::string_view part : kParts) {
    if (IsLink(folder_ / part) || !IsFolder(Tree(front_) / part)) continue;
    Symlink(fmt::format(".takt/current/{}", part), folder_ / part);
  }
}

void TwinTree::PointTo(std::string_view name) {
  const fs::path link = Tree("next");
  Unlink(link);
  Symlink(std::string(name), link);
  if (sync_) Sync(folder_ / ".takt");
  Rename(link, Tree("current"));
  if (sync_) Sync(folder_ / ".takt");
  front_ = name;
}

void TwinTree::CopyTree(const fs::path& from, const fs::path& to) {
  RemoveAll(to);
  MakeFolder(to);
  for (const std::string_view part : kParts) {
    if (!fs::is_directory(from / part)) continue;
    MakeFolder(to / part);
    for (const auto& entry : fs::recursive_directory_iterator(from / part)) {
      const fs::path target = to / fs::relative(entry.path(), from);
      if (entry.is_directory()) {
        MakeFolder(target);
      } else {
        LinkOrCopy(entry.path(), target);
      }
    }
  }
}

// From plain folders to links into a tree.
void TwinTree::MakeLinked() {
  CopyTree(folder_, Tree("a"));
  PointTo("a");
  for (const std::string_view part : kParts) {
    if (!IsFolder(folder_ / part)) continue;
    const fs::path link = Tree(fmt::format("plain-{}", part));
    Symlink(fmt::format(".takt/current/{}", part), link);
    Exchange(link, folder_ / part);
    RemoveAll(link);
  }
}

void TwinTree::Begin() {
  if (open_batch_) back_ready_ = false;  // the last batch broke off
  open_batch_ = true;
  batch_.clear();
  MakeFolder(folder_ / ".takt");
  if (front_.empty() && exists()) MakeLinked();
  back_ = front_ == "a" ? "b" : "a";
  if (front_.empty()) {
    RemoveAll(Tree(back_));
    MakeFolder(Tree(back_));
    return;
  }
  if (!back_ready_) {
    CopyTree(Tree(front_), Tree(back_));
    behind_.clear();
    back_ready_ = true;
  }
  for (const Change& change : behind_) {
    const fs::path target = Tree(back_) / change.path;
    MakeFolder(target.parent_path());
    if (change.kind == ChangeKind::kAppend) {
      WriteBytes(target, O_APPEND, {reinterpret_cast<const uint8_t*>(change.text.data()), change.text.size()}, sync_);
      continue;
    }
    Unlink(target);
    if (change.kind == ChangeKind::kPut) LinkOrCopy(Tree(front_) / change.path, target);
  }
  behind_.clear();
}

void TwinTree::Put(const fs::path& path, std::span<const uint8_t> bytes) {
  const fs::path target = Tree(back_) / path;
  MakeFolder(target.parent_path());
  Unlink(target);  // the front tree may share the file
  WriteBytes(target, O_EXCL, bytes, sync_);
  batch_.push_back({ChangeKind::kPut, path, {}});
}

void TwinTree::Put(const fs::path& path, std::string_view text) {
  Put(path, std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

void TwinTree::Append(const fs::path& path, std::string_view text) {
  const fs::path target = Tree(back_) / path;
  MakeFolder(target.parent_path());
  WriteBytes(target, O_APPEND, {reinterpret_cast<const uint8_t*>(text.data()), text.size()}, sync_);
  batch_.push_back({ChangeKind::kAppend, path, std::string(text)});
}

void TwinTree::Remove(const fs::path& path) {
  Unlink(Tree(back_) / path);
  batch_.push_back({ChangeKind::kRemove, path, {}});
}

void TwinTree::Commit() {
  if (sync_) {
    std::set<fs::path> folders;
    for (const Change& change : batch_) {
      for (fs::path p = change.path.parent_path(); !p.empty(); p = p.parent_path()) folders.insert(p);
    }
    for (const fs::path& folder : folders) Sync(Tree(back_) / folder);
    Sync(Tree(back_));
  }
  const bool first = front_.empty();
  const std::string other = front_;
  PointTo(back_);
  if (first) MakeTopLinks();
  if (sync_ && first) Sync(folder_);
  behind_ = std::move(batch_);
  batch_.clear();
  open_batch_ = false;
  back_ready_ = other == "a" || other == "b";
  if (!back_ready_) behind_.clear();
}

fs::path TwinTree::BeginFresh() {
  MakeFolder(folder_ / ".takt");
  if (front_.empty() && exists()) MakeLinked();
  back_ = front_ == kFresh ? "a" : std::string(kFresh);
  back_ready_ = false;
  open_batch_ = false;
  RemoveAll(Tree(back_));
  MakeFolder(Tree(back_));
  return Tree(back_);
}

void TwinTree::LinkFromCurrent(const fs::path& from, const fs::path& to) {
  MakeFolder((Tree(back_) / to).parent_path());
  LinkOrCopy(Tree(front_) / from, Tree(back_) / to);
}

void TwinTree::PutFresh(const fs::path& path, std::span<const uint8_t> bytes) {
  MakeFolder((Tree(back_) / path).parent_path());
  WriteBytes(Tree(back_) / path, O_EXCL, bytes, true);
}

void TwinTree::CommitFresh() {
  for (const auto& entry : fs::recursive_directory_iterator(Tree(back_))) {
    if (entry.is_directory()) Sync(entry.path());
  }
  Sync(Tree(back_));
  const bool first = front_.empty();
  PointTo(back_);
  if (first) MakeTopLinks();
  behind_.clear();
}

void TwinTree::Finish() {
  if (front_.empty()) return;
  for (const std::string_view part : kParts) {
    const fs::path top = folder_ / part;
    if (IsFolder(top) || !IsFolder(Tree(front_) / part)) continue;
    if (IsLink(top)) {
      Exchange(Tree(front_) / part, top);
    } else {
      Rename(Tree(front_) / part, top);
    }
  }
  Sync(folder_);
  Unlink(Tree("current"));
  front_.clear();
  back_ready_ = false;
  behind_.clear();
  RemoveAll(folder_ / ".takt");
}

}  // namespace takt::dataset
