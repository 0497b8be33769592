#include "coordinator/audit/diagnostics/thousands.h"

#include "merkle/record/marked_number.h"

namespace driftwood::coordinator {
namespace {

struct Form {
  char mark;
  char point;
  std::string_view parameters;
};
constexpr Form kForms[] = {{'.', ',', "thousands=.&decimal=,"},
                           {' ', ',', "thousands=space&decimal=,"},
                           {',', '.', "thousands=,"},
                           {' ', '.', "thousands=space"},
                           {'\'', '.', "thousands=apostrophe"}};

}  // namespace

ThousandsReading ReadThousands(std::string_view text) {
  const bool has_comma = text.find(',') != std::string_view::npos;
  for (const Form& form : kForms) {
    if (form.point == ',' && !has_comma) continue;
    if (auto plain = merkle::UnmarkedNumber(text, form.mark, form.point)) {
      return {*std::move(plain), form.parameters};
    }
  }
  return {};
}

}  // namespace driftwood::coordinator
