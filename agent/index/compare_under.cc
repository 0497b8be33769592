#include "agent/index/compare_under.h"

#include <memory>
#include <utility>

#include "agent/index/row_encoder.h"
#include "merkle/status_macros.h"
#include "merkle/text/display.h"

namespace driftwood::agent {
namespace {

class RowKeyEncoder final : public KeyEncoder {
 public:
  RowKeyEncoder(const merkle::Schema& schema, const std::vector<std::string>& rules)
      : encoder_(schema, rules) {}
  absl::StatusOr<std::string_view> Encode(std::span<const SourceValue> key) override {
    RETURN_IF_ERROR(encoder_.Encode(key));
    return encoder_.key();
  }

 private:
  RowEncoder encoder_;
};

const merkle::Column* FindColumn(const merkle::Schema& schema, const std::string& name) {
  for (const std::vector<merkle::Column>* const columns : {&schema.key, &schema.values}) {
    for (const merkle::Column& column : *columns) {
      if (column.name == name) return &column;
    }
  }
  return nullptr;
}

absl::StatusOr<std::unique_ptr<KeyEncoder>> EncoderOf(const merkle::Agreement& agreement,
                                                      const std::vector<std::string>& columns) {
  merkle::Schema schema;
  for (const std::string& name : columns) {
    const merkle::Column* const column = FindColumn(agreement.schema, name);
    if (column == nullptr)
      return absl::FailedPreconditionError("column " + Printable(name) +
                                           " is needed to tell keys apart, and is not compared; "
                                           "compare it too (--columns, --ignore)");
    schema.key.push_back(*column);
  }
  return std::make_unique<RowKeyEncoder>(schema, agreement.rules);
}

}  // namespace

void CompareUnder(const merkle::Agreement& agreement, Store* store) {
  store->TellKeysApart([agreement](const std::vector<std::string>& columns) {
    return EncoderOf(agreement, columns);
  });
}

}  // namespace driftwood::agent
