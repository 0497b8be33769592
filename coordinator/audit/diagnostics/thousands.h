// Numbers with separated thousands, and what says so in the URL of a file. Pure.
#pragma once

#include <string>
#include <string_view>

namespace driftwood::coordinator {

struct ThousandsReading {
  std::string plain;            // "1234.5"; empty: the text has no separated thousands
  std::string_view parameters;  // "thousands=,"
};

// "1,234.5", "1 234.5", "1'234.5", "1.234,5" and "1 234,5": of the last two only with both marks.
ThousandsReading ReadThousands(std::string_view text);

}  // namespace driftwood::coordinator
