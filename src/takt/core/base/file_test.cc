// SPDX-License-Identifier: Apache-2.0
#include "takt/core/base/file.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <csignal>
#include <iterator>
#include <thread>
#include <vector>

#include "takt/core/base/error.h"

namespace takt {
namespace {

namespace fs = std::filesystem;

class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "takt_file_XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { fs::remove_all(folder_); }
  size_t EntryCount() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  template <class Function>
  static ErrorCode CodeOf(Function&& function) {
    try {
      function();
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "no error";
    return ErrorCode::kInternal;
  }
  fs::path folder_;
};

TEST_F(FileTest, RoundTrip) {
  const fs::path path = folder_ / "a.bin";
  const std::vector<uint8_t> bytes = {0, 1, 255, 0};
  WriteFileAtomic(path, bytes);
  EXPECT_EQ(ReadFile(path), bytes);
  WriteFileAtomic(path, std::string_view("shorter"));
  EXPECT_EQ(ReadTextFile(path), "shorter");
  WriteFileAtomic(path, std::span<const uint8_t>());
  EXPECT_TRUE(ReadFile(path).empty());
  EXPECT_EQ(EntryCount(), 1u);
}

TEST_F(FileTest, ReadErrorsSayWhat) {
  EXPECT_EQ(CodeOf([&] { ReadFile(folder_ / "absent"); }), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf([&] { ReadFile(folder_); }), ErrorCode::kBadInput);
  WriteFileAtomic(folder_ / "ten", std::string_view("0123456789"));
  EXPECT_EQ(ReadFile(folder_ / "ten", 10).size(), 10u);
  EXPECT_EQ(CodeOf([&] { ReadFile(folder_ / "ten", 9); }), ErrorCode::kBadInput);
}

TEST_F(FileTest, AFailedWriteLeavesTheTargetAndNothingElse) {
  // The target is a folder with something in it: the rename must fail after the temporary was written.
  fs::create_directory(folder_ / "target");
  WriteFileAtomic(folder_ / "target/inside", std::string_view("kept"));
  EXPECT_THROW(WriteFileAtomic(folder_ / "target", std::string_view("new")), Error);
  EXPECT_EQ(EntryCount(), 1u);
  EXPECT_EQ(ReadTextFile(folder_ / "target/inside"), "kept");
  EXPECT_EQ(CodeOf([&] { WriteFileAtomic(folder_ / "absent/file", std::string_view("x")); }), ErrorCode::kNotFound);
}

TEST_F(FileTest, AWriteThatIsCutShortLeavesTheOldFile) {
  const fs::path path = folder_ / "file";
  WriteFileAtomic(path, std::string_view("old"));
  // The limit stands for a full disk. Its signal must not end the process before write() can report.
  struct rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit small = before;
  small.rlim_cur = 1000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const ErrorCode code = CodeOf([&] { WriteFileAtomic(path, std::string(5000, 'x')); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(code, ErrorCode::kIo);
  EXPECT_EQ(ReadTextFile(path), "old");
  EXPECT_EQ(EntryCount(), 1u);
}

TEST_F(FileTest, WritersAtOnceLeaveOneWholeFile) {
  const fs::path path = folder_ / "contested";
  std::vector<std::thread> threads;
  for (char letter = 'a'; letter < 'e'; ++letter) {
    threads.emplace_back([&path, letter] {
      for (int i = 0; i < 10; ++i) WriteFileAtomic(path, std::string(100000, letter));
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string text = ReadTextFile(path);
  EXPECT_EQ(text, std::string(100000, text[0]));
  EXPECT_EQ(EntryCount(), 1u);
}

}  // namespace
}  // namespace takt
