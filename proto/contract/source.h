// What a dataset's source looks like, as its store describes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "merkle/record/agreement.h"
#include "merkle/record/schema.h"

namespace driftwood {

// How much a source knows about a column's type. The coordinator reconciles the replicas'.
enum class TypeKnowledge : uint8_t {
  kTyped,     // declared: `type` says which
  kTextual,   // only characters: they can be read as whatever type another replica knows (CSV)
  kDynamic,   // each value has its own type (mixed JSON members, SQLite columns without type)
  kObserved,  // so it has; but all that there are have `type` (other JSON members)
};

struct SourceColumn {
  std::string name;
  TypeKnowledge knowledge = TypeKnowledge::kTextual;
  merkle::ColumnType type = merkle::ColumnType::kText;  // kTyped, kObserved
  std::string declared;                                 // as the source words it: "VARCHAR(20)"
  std::string opaque{};                                 // as in merkle::ValueType
  merkle::ColumnType element = merkle::ColumnType::kDynamic;
  std::string reading{};  // what it says beyond `type` (merkle/record/reading.h); kTyped
  // Of kTextual: all its values that were looked at are canonical integers (reading.h), as far as
  // there are any. Others may follow.
  bool integers = false;

  merkle::ValueType value_type() const { return {type, opaque, element}; }
  friend bool operator==(const SourceColumn&, const SourceColumn&) = default;
};

// Which of the files that come each day it is.
struct DatedFile {
  std::string day;     // "2026-11-28"
  std::string path;    // as its agent opens it
  std::string sha256;  // of its bytes, as they lie there; hex

  friend bool operator==(const DatedFile&, const DatedFile&) = default;
};

// Whether it may be one: a day that there is, 64 lower-case digits.
bool IsDatedFile(const DatedFile& file);

struct SourceDescription {
  std::string source;                 // for reports: the URL without any password
  std::vector<SourceColumn> columns;  // in the source's order
  std::vector<std::string> key;       // key columns in key order; empty if it has none; {"*"}:
                                      // its user says that its records are a multiset
  std::optional<uint64_t> records_estimate;
  std::optional<uint64_t> bytes;  // size of what a scan reads, if known
  std::vector<std::string> warnings;
  // Others write to it all the time, so that copies of it lag (a database server, not a file): what
  // diverges is re-read after a pause.
  bool live = false;
  // No two of its records can be equal, so that comparing it as a multiset makes no sense.
  bool always_keyed = false;
  std::string filter;  // only the rows for which this holds are the dataset; empty: all
  // It may have more columns, which its user may not see: what all of them are is not known.
  bool hides_columns = false;
  // Asked for a record that it lacks, it says so if that is more than gone (presence.h), whatever
  // its filter.
  bool tells_presence = false;
  // What its URL does not say, and was found in it: the parameter that would say it
  // ("delimiter=semicolon"). Copies of which none says it and that differ in it are not compared.
  std::string found_parameter{};
  // Equal for two descriptions if they are of one source, by whatever name, address or user it was
  // reached; nothing can be told from it. Empty: not known.
  std::string identity{};
  // It is read until the source is described again. Absent: the source is no such file.
  std::optional<DatedFile> dated_file{};

  friend bool operator==(const SourceDescription&, const SourceDescription&) = default;
};

// A source as its agent serves it.
struct DatasetDescription : SourceDescription {
  uint32_t encoding_version = merkle::kEncodingVersion;
  std::string key_id{};  // of the agent's digest key
  bool keyed = true;
  std::string agent_version{};
  bool values_allowed = false;

  friend bool operator==(const DatasetDescription&, const DatasetDescription&) = default;
};

}  // namespace driftwood
