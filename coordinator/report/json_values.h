// Values and keys as the json formats have them, both ways. Private to the report's writer and
// reader.
//
// A value's JSON and its column's type say what it is, nearly always: a string in a decimal column
// is a decimal. Where they don't (a decimal in a dynamic column) the writer adds the encoding
// (merkle/record/encoding.h) beside it, in hexadecimal, and the reader takes that.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

#include "coordinator/report/report.h"
#include "merkle/record/schema.h"
#include "merkle/record/value.h"

namespace driftwood::coordinator {

nlohmann::ordered_json ValueJson(const merkle::Value& value);
// Nothing if no value of that column is written so.
std::optional<merkle::Value> ReadValueJson(const merkle::Column& column,
                                           const nlohmann::json& json);
// Whether ReadValueJson() makes this very value of its JSON.
bool JsonSaysAll(const merkle::Column& column, const merkle::Value& value);

// The columns by name. Null if the key does not decode.
nlohmann::ordered_json KeyJson(const std::optional<merkle::Schema>& schema, const ReportKey& key);
// The same, or {"key_encoded": hex}.
nlohmann::ordered_json BoundJson(const std::optional<merkle::Schema>& schema, const ReportKey& key);
// Of either. Nothing if it is no such key.
std::optional<ReportKey> ReadKeyJson(const std::optional<merkle::Schema>& schema,
                                     const nlohmann::json& json);
// Whether ReadKeyJson() makes this very key of BoundJson().
bool JsonSaysAll(const std::optional<merkle::Schema>& schema, const ReportKey& key);

}  // namespace driftwood::coordinator
