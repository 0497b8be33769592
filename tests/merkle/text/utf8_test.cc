#include "merkle/text/utf8.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "tests/testing/seed.h"

namespace driftwood::merkle {
namespace {

size_t Bytes(std::string_view text) {
  return Utf8CharacterBytes(text.data(), text.data() + text.size());
}

TEST(Utf8Test, EachScalarValueIsReadAsItWasWritten) {
  for (char32_t code = 0; code <= 0x10FFFF; ++code) {
    if (code >= 0xD800 && code <= 0xDFFF) continue;
    std::string text;
    AppendUtf8(code, &text);
    ASSERT_EQ(Bytes(text), text.size()) << static_cast<uint32_t>(code);
    ASSERT_EQ(DecodeUtf8(text.data(), text.size()), code);
    ASSERT_EQ(IsAscii(text), code < 0x80);
    // Without its end it is none.
    ASSERT_EQ(Bytes(std::string_view(text).substr(0, text.size() - 1)), 0u);
  }
}

TEST(Utf8Test, WhatTheStandardLeavesOutIsRefused) {
  for (const std::string_view text :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xED\xBF\xBF",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xC3", "\xE2\x82"}) {
    EXPECT_EQ(Bytes(text), 0u);
    EXPECT_FALSE(IsUtf8(text));
    EXPECT_FALSE(IsUtf8("abcdefghijklmnop" + std::string(text)));
    EXPECT_FALSE(IsUtf8(std::string(text) + "abcdefghijklmnop"));
  }
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsAscii(""));
}

// The fast way over many bytes against one character after the other.
TEST(Utf8Test, ATextIsUtf8IfAllOfItsCharactersAre) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  size_t valid = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (uint64_t pieces = random() % 12; pieces > 0; --pieces) {
      if (random() % 8 == 0) {
        text += static_cast<char>(random());
      } else if (random() % 2 == 0) {
        AppendUtf8(static_cast<char32_t>(random() % 0xD800), &text);
      } else {
        text.append(random() % 20, 'a');
      }
    }
    bool expected = true, ascii = true;
    for (size_t at = 0; at < text.size() && expected;) {
      const size_t bytes = Bytes(std::string_view(text).substr(at));
      expected = bytes > 0;
      at += bytes;
    }
    for (const char c : text) ascii = ascii && static_cast<unsigned char>(c) < 0x80;
    ASSERT_EQ(IsUtf8(text), expected);
    ASSERT_EQ(IsAscii(text), ascii);
    valid += expected ? 1 : 0;
  }
  EXPECT_GT(valid, 1000u);
  EXPECT_LT(valid, 19'000u);
}

}  // namespace
}  // namespace driftwood::merkle
