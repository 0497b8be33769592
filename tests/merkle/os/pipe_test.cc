#include "merkle/os/pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "gtest/gtest.h"

namespace driftwood::merkle {
namespace {

TEST(PipeTest, WhatIsWrittenIsReadAndThenTheEnd) {
  absl::StatusOr<Pipe> pipe = Pipe::Open();
  ASSERT_TRUE(pipe.ok()) << pipe.status();
  ASSERT_EQ(::write(pipe->write.get(), "x", 1), 1);
  pipe->write.Close();
  char read[2] = {};
  EXPECT_EQ(::read(pipe->read.get(), read, 2), 1);
  EXPECT_EQ(read[0], 'x');
  EXPECT_EQ(::read(pipe->read.get(), read, 2), 0);
}

TEST(PipeTest, NeitherEndReachesAnotherProgram) {
  const absl::StatusOr<Pipe> pipe = Pipe::Open();
  ASSERT_TRUE(pipe.ok()) << pipe.status();
  EXPECT_EQ(::fcntl(pipe->read.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(::fcntl(pipe->write.get(), F_GETFD), FD_CLOEXEC);
}

}  // namespace
}  // namespace driftwood::merkle
