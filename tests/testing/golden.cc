#include "tests/testing/golden.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>

#include "merkle/check.h"

namespace driftwood::testing {
namespace {

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

int HexDigit(char c) {
  const size_t digit = std::string_view("0123456789abcdef").find(c);
  DRIFTWOOD_CHECK(digit != std::string_view::npos);
  return static_cast<int>(digit);
}

std::string Unescape(std::string_view text) {
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      bytes.push_back(text[i]);
    } else if (text.substr(i + 1, 1) == "\\") {
      bytes.push_back('\\');
      ++i;
    } else {
      DRIFTWOOD_CHECK(text.substr(i + 1, 1) == "x" && i + 3 < text.size());
      bytes.append(FromHex(text.substr(i + 2, 2)));
      i += 3;
    }
  }
  return bytes;
}

std::vector<std::string> Fields(std::string_view line) {
  std::vector<std::string> fields;
  while (true) {
    const size_t bar = line.find('|');
    fields.push_back(Unescape(Trim(line.substr(0, bar))));
    if (bar == std::string_view::npos) return fields;
    line.remove_prefix(bar + 1);
  }
}

}  // namespace

void CheckGolden(const std::filesystem::path& file,
                 const std::function<std::string(const std::vector<std::string>&)>& actual) {
  std::ifstream in(file);
  ASSERT_TRUE(in.is_open()) << file;
  const bool regenerate = std::getenv("DRIFTWOOD_REGENERATE_GOLDEN") != nullptr;
  std::string regenerated;
  std::string line;
  size_t checked = 0;
  for (size_t number = 1; std::getline(in, line); ++number) {
    if (!line.empty() && line.front() != '#') {
      std::vector<std::string> fields = Fields(line);
      const std::string wanted = fields.back();
      fields.pop_back();
      const std::string got = actual(fields);
      if (regenerate) {
        line = line.substr(0, line.rfind('|')) + "| " + got;
      } else {
        EXPECT_EQ(got, wanted) << file << " line " << number << ": " << line;
      }
      ++checked;
    }
    regenerated += line + "\n";
  }
  EXPECT_GT(checked, 0u) << file << " holds no vector";
  if (!regenerate) return;
  in.close();
  std::ofstream(file) << regenerated;
  ADD_FAILURE() << file << " was regenerated: read its diff before you keep it";
}

std::string ToHex(std::string_view bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex.push_back(kHex[static_cast<uint8_t>(c) >> 4]);
    hex.push_back(kHex[static_cast<uint8_t>(c) & 15]);
  }
  return hex;
}

std::string FromHex(std::string_view hex) {
  DRIFTWOOD_CHECK(hex.size() % 2 == 0);
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(HexDigit(hex[i]) * 16 + HexDigit(hex[i + 1])));
  }
  return bytes;
}

}  // namespace driftwood::testing
