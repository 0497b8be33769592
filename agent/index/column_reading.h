// How the values of one column are read: as its agreed type, and beyond it as its reading, its
// element's or its server's type says. What reads as what is in docs/agent.md.
#pragma once

#include <string>

#include "agent/source/source_value.h"
#include "merkle/record/encoding.h"
#include "merkle/record/reading.h"
#include "merkle/record/schema.h"

namespace driftwood::agent {

// A value: copies, and may be used by any thread. Chosen once for each column, so that no row asks
// for a column's type again.
class ColumnReading {
 public:
  explicit ColumnReading(const merkle::Column& column);  // of a valid agreement

  const merkle::Column& column() const { return column_; }

  // Appends a value that is not NULL; false if it is a type mismatch, which is then appended under
  // its own tag.
  bool Append(const SourceValue& value, merkle::Place place, std::string* out) const {
    return is_plain_ ? append_(value, place, out) : AppendSpecially(value, place, out);
  }

  // Where the column's text is padded, without the spaces at its end. Append() does that too.
  SourceValue WithoutPadding(const SourceValue& value) const;

 private:
  using AppendFunction = bool (*)(const SourceValue& value, merkle::Place place, std::string* out);
  static AppendFunction AppendFunctionOf(merkle::ColumnType type);
  bool AppendSpecially(const SourceValue& value, merkle::Place place, std::string* out) const;

  merkle::Column column_;
  AppendFunction append_;
  merkle::Reading reading_{};
  bool is_plain_;  // no opaque type, no list's, no reading
};

}  // namespace driftwood::agent
