// SPDX-License-Identifier: Apache-2.0
#include "takt/core/base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "takt/core/base/error.h"

namespace takt {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

Error SystemError(const std::filesystem::path& path, std::string_view doing) {
  const int code = errno;
  return Error(code == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo, path.string(),
               fmt::format("cannot {}: {}", doing, std::strerror(code)));
}

template <class Buffer>
Buffer ReadWhole(const std::filesystem::path& path, uint64_t max_bytes) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) throw SystemError(path, "open");
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) throw SystemError(path, "stat");
  if (!S_ISREG(info.st_mode)) {
    throw Error(ErrorCode::kBadInput, path.string(), "is not a regular file");
  }
  const uint64_t size = static_cast<uint64_t>(info.st_size);
  if (size > max_bytes) {
    throw Error(ErrorCode::kBadInput, path.string(),
                fmt::format("is {} bytes long; at most {} are read here", size, max_bytes));
  }
  Buffer buffer;
  buffer.resize(size);
  size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(fd.get(), buffer.data() + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw SystemError(path, "read");
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  buffer.resize(done);
  return buffer;
}

}  // namespace

std::vector<uint8_t> ReadFile(const std::filesystem::path& path, uint64_t max_bytes) {
  return ReadWhole<std::vector<uint8_t>>(path, max_bytes);
}

std::string ReadTextFile(const std::filesystem::path& path, uint64_t max_bytes) {
  return ReadWhole<std::string>(path, max_bytes);
}

void WriteFileAtomic(const std::filesystem::path& path, std::span<const uint8_t> bytes) {
  static std::atomic<uint64_t> serial{0};
  std::filesystem::path temporary = path;
  temporary += fmt::format(".tmp-{}-{}", ::getpid(), serial.fetch_add(1));
  try {
    const Descriptor fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (fd.get() < 0) throw SystemError(path, "create");
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t put = ::write(fd.get(), bytes.data() + done, bytes.size() - done);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) throw SystemError(path, "write");
      done += static_cast<size_t>(put);
    }
    if (::fsync(fd.get()) != 0) throw SystemError(path, "flush");
    if (::rename(temporary.c_str(), path.c_str()) != 0) throw SystemError(path, "rename onto");
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

void WriteFileAtomic(const std::filesystem::path& path, std::string_view text) {
  WriteFileAtomic(path, std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

}  // namespace takt
