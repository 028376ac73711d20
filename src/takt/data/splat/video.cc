// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/video.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "takt/core/base/error.h"

extern char** environ;  // NOLINT: POSIX names it so

namespace takt::splat {

struct VideoWriter::Process {
  std::filesystem::path path, temporary;
  int width_px = 0, height_px = 0;
  pid_t pid = -1;
  int input = -1;  // a socket, so that a write to a dead ffmpeg is an error and not a signal

  void CloseInput() {
    if (input >= 0) ::close(input);
    input = -1;
  }
  int Wait() {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    pid = -1;
    return status;
  }
  ~Process() {
    CloseInput();
    if (pid > 0) {
      ::kill(pid, SIGKILL);
      Wait();
    }
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
  }
};

namespace {

Error Gone(const std::filesystem::path& path) {
  return Error(ErrorCode::kIo, path.string(), "ffmpeg did not write it",
               "is the disk full? PNGs need no ffmpeg: give --out a folder");
}

}  // namespace

VideoWriter::VideoWriter(const std::filesystem::path& path, int width_px, int height_px, double frames_per_s)
    : process_(std::make_unique<Process>()) {
  Process& p = *process_;
  p.path = path, p.width_px = width_px, p.height_px = height_px;
  p.temporary = path;
  p.temporary.replace_filename(fmt::format(".{}.{}.tmp", path.filename().string(), ::getpid()));
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    throw Error(ErrorCode::kIo, path.string(), fmt::format("cannot reach ffmpeg: {}", std::strerror(errno)));
  }
  p.input = ends[0];
  // The pixel format that every player knows needs even sides.
  std::vector<std::string> words = {"ffmpeg", "-loglevel", "quiet", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24",
                                    "-video_size", fmt::format("{}x{}", width_px, height_px), "-framerate",
                                    fmt::format("{}", frames_per_s), "-i", "pipe:0", "-vf",
                                    "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf",
                                    "17", "-movflags", "+faststart", "-f", "mp4",
                                    // A name that begins with a dash is no option.
                                    "file:" + p.temporary.string()};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  // A group of its own: Ctrl-C is for Takt to handle.
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  const int failed = ::posix_spawnp(&p.pid, "ffmpeg", &actions, &attributes, arguments.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (failed != 0) {
    p.pid = -1;
    throw Error(ErrorCode::kUnsupported, path.string(), "an MP4 needs the program ffmpeg, which is not installed",
                "apt-get install ffmpeg; or give --out a folder for PNGs");
  }
}

VideoWriter::~VideoWriter() = default;

void VideoWriter::Add(const Image8& picture) {
  Process& p = *process_;
  if (picture.width_px != p.width_px || picture.height_px != p.height_px || picture.channels != 3) {
    throw Error(ErrorCode::kBadInput, p.path.string(), "the pictures of a film must be of one size", "give --size WxH");
  }
  size_t done = 0;
  while (done < picture.pixels.size()) {
    const ssize_t sent = ::send(p.input, picture.pixels.data() + done, picture.pixels.size() - done, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) throw Gone(p.path);
    done += static_cast<size_t>(sent);
  }
}

void VideoWriter::Finish() {
  Process& p = *process_;
  p.CloseInput();
  const int status = p.Wait();
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw Gone(p.path);
  std::error_code failed;
  std::filesystem::rename(p.temporary, p.path, failed);
  if (failed) throw Error(ErrorCode::kIo, p.path.string(), fmt::format("cannot rename: {}", failed.message()));
}

}  // namespace takt::splat
