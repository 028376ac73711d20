// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/parquet/source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "takt/core/base/error.h"

namespace takt::dataset {
namespace {

Error SystemError(const std::string& path, std::string_view doing) {
  const int code = errno;
  return Error(code == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo, path,
               fmt::format("cannot {}: {}", doing, std::strerror(code)));
}

class File {
 public:
  File(const std::filesystem::path& path, int flags)
      : path_(path.string()), fd_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {
    if (fd_ < 0) throw SystemError(path_, "open");
  }
  ~File() { ::close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }
  const std::string& path() const { return path_; }

  void Sync() const {
    if (::fsync(fd_) != 0) throw SystemError(path_, "flush");
  }

 private:
  std::string path_;
  int fd_;
};

class FileSource : public ByteSource {
 public:
  explicit FileSource(const std::filesystem::path& path) : file_(path, O_RDONLY) {
    struct stat info;
    if (::fstat(file_.fd(), &info) != 0) throw SystemError(file_.path(), "stat");
    if (!S_ISREG(info.st_mode)) throw Error(ErrorCode::kBadInput, file_.path(), "is not a regular file");
    size_ = static_cast<uint64_t>(info.st_size);
  }
  uint64_t size() const override { return size_; }
  Piece Read(uint64_t offset, uint64_t count) const override {
    Piece piece;
    if (offset > size_ || count > size_ - offset) throw Error(ErrorCode::kBadInput, file_.path(), "ends too early");
    piece.owned.resize(count);
    for (uint64_t done = 0; done < count;) {
      const ssize_t got =
          ::pread(file_.fd(), piece.owned.data() + done, count - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw SystemError(file_.path(), "read");
      if (got == 0) throw Error(ErrorCode::kBadInput, file_.path(), "became shorter while it was read");
      done += static_cast<uint64_t>(got);
    }
    piece.bytes = piece.owned;
    return piece;
  }

 private:
  File file_;
  uint64_t size_ = 0;
};

class BufferSource : public ByteSource {
 public:
  BufferSource(std::span<const uint8_t> bytes, std::string subject) : bytes_(bytes), subject_(std::move(subject)) {}
  uint64_t size() const override { return bytes_.size(); }
  Piece Read(uint64_t offset, uint64_t count) const override {
    if (offset > size() || count > size() - offset) throw Error(ErrorCode::kBadInput, subject_, "ends too early");
    return {{}, bytes_.subspan(offset, count)};
  }

 private:
  std::span<const uint8_t> bytes_;
  std::string subject_;
};

class FileSink : public ByteSink {
 public:
  FileSink(const std::filesystem::path& path, bool truncate)
      : file_(path, truncate ? O_WRONLY | O_CREAT | O_TRUNC : O_WRONLY) {}
  void Write(uint64_t offset, std::string_view bytes) override {
    for (size_t done = 0; done < bytes.size();) {
      const ssize_t put =
          ::pwrite(file_.fd(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) throw SystemError(file_.path(), "write");
      done += static_cast<size_t>(put);
    }
  }
  void Sync() override { file_.Sync(); }
  std::vector<uint8_t> TakeBytes() override { return {}; }

 private:
  File file_;
};

class MemorySink : public ByteSink {
 public:
  void Write(uint64_t offset, std::string_view bytes) override {
    bytes_.resize(offset);
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  void Sync() override {}
  std::vector<uint8_t> TakeBytes() override { return std::move(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
};

}  // namespace

std::unique_ptr<ByteSource> ByteSource::OpenFile(const std::filesystem::path& path) {
  return std::make_unique<FileSource>(path);
}
std::unique_ptr<ByteSource> ByteSource::Borrow(std::span<const uint8_t> bytes, std::string subject) {
  return std::make_unique<BufferSource>(bytes, std::move(subject));
}
std::unique_ptr<ByteSink> ByteSink::OpenFile(const std::filesystem::path& path, bool truncate) {
  return std::make_unique<FileSink>(path, truncate);
}
std::unique_ptr<ByteSink> ByteSink::InMemory() { return std::make_unique<MemorySink>(); }

void CutFile(const std::filesystem::path& path, uint64_t size) {
  const File file(path, O_WRONLY);
  if (::ftruncate(file.fd(), static_cast<off_t>(size)) != 0) throw SystemError(file.path(), "cut");
  file.Sync();
}

}  // namespace takt::dataset
