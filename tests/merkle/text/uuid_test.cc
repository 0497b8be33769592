#include "merkle/text/uuid.h"

#include <gtest/gtest.h>

#include <string>

namespace driftwood::merkle {
namespace {

std::string Read(const std::string& text) {
  const auto bytes = ParseUuid(text);
  return bytes ? FormatUuid(bytes->data()) : "refused";
}

TEST(UuidTest, EachSpellingIsReadAndOneIsWritten) {
  const std::string expected = "0123abcd-4567-89ef-0011-fedcba987654";
  for (const std::string& text : {expected, std::string("0123ABCD-4567-89EF-0011-FEDCBA987654"),
                                  std::string("0123abcd456789ef0011fedcba987654"),
                                  std::string("{0123abcd-4567-89EF-0011-fedcba987654}"),
                                  std::string("{0123abcd456789ef0011fedcba987654}")}) {
    EXPECT_EQ(Read(text), expected) << text;
  }
}

TEST(UuidTest, WhatIsNoneIsRefused) {
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string("{"), std::string(31, '0'),
        std::string(33, '0'), std::string(36, '0'), std::string(36, '-'),
        std::string("0123abcd-4567-89ef-0011-fedcba98765g"),
        std::string("0123abcd-4567-89ef-0011-fedcba98765"),
        std::string("0123abcd4567-89ef-0011-fedcba9876540"),
        std::string("0123abcd-456789ef-0011-fedcba987654"),
        std::string("{0123abcd-4567-89ef-0011-fedcba987654"),
        std::string("{{0123abcd456789ef0011fedcba987654}}"),
        std::string(" 0123abcd456789ef0011fedcba98765")}) {
    EXPECT_EQ(Read(text), "refused") << text;
  }
}

}  // namespace
}  // namespace driftwood::merkle
