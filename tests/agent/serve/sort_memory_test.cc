#include "agent/serve/sort_memory.h"

#include <gtest/gtest.h>

#include <optional>

namespace driftwood::agent {
namespace {

TEST(SortMemoryTest, TheFirstHasAllOfItAndOthersBesideItLittle) {
  SortMemory memory(1600);
  std::optional<SortMemory::Share> first(std::in_place, &memory);
  const SortMemory::Share second(&memory);
  const SortMemory::Share third(&memory);
  EXPECT_EQ(first->bytes(), 1600u);
  EXPECT_EQ(second.bytes(), 100u);
  EXPECT_EQ(third.bytes(), 100u);
  first.reset();
  EXPECT_EQ(SortMemory::Share(&memory).bytes(), 100u) << "others are at it";
}

TEST(SortMemoryTest, WhatIsGivenBackIsThereAgain) {
  SortMemory memory(1600);
  { const SortMemory::Share share(&memory); }
  EXPECT_EQ(SortMemory::Share(&memory).bytes(), 1600u);
}

}  // namespace
}  // namespace driftwood::agent
