// Records read by their keys, from a live store or from an index.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "merkle/hash/digest.h"
#include "proto/contract/presence.h"

namespace driftwood {

// What was found of a key: its record, or, where the source says more of a record that is not there
// than that it isn't, what it says. A key of which nothing was found is not there.
struct FoundRecord {
  std::string key;  // canonical
  merkle::Digest digest;
  std::string value{};          // canonical; only if asked for
  bool value_too_long = false;  // the record is there, its value was left out (limits.h)
  uint64_t copies = 0;          // of a multiset's record
  // kTagBytes for each value column, and for each rule. Either may be empty.
  std::string column_tags{};
  std::string rule_tags{};
  // Anything but kThere: there is no record, and nothing else is set but the key and `why`.
  Presence presence = Presence::kThere;
  std::string why{};  // in the source's words, at most kWhyBytesMax; mostly empty

  bool IsThere() const { return presence == Presence::kThere; }

  friend bool operator==(const FoundRecord&, const FoundRecord&) = default;
};

// What is asked for of each record besides its digest.
enum class ReadWhat : uint8_t {
  kDigests,
  kValues,
  kTags,        // column tags, and those under the request's rules
  kIndexed,     // of the index that is prepared: the store is not read
  kUnfiltered,  // digests of what is there, whatever the dataset's filter leaves out
};

struct ReadRequest {
  std::string dataset;
  std::string fingerprint;  // of the agreement that was prepared
  std::vector<std::string> keys;
  ReadWhat what = ReadWhat::kDigests;
  std::vector<std::string> rules{};  // "column:rule"; kTags only
  std::string file_sha256{};         // PrepareRequest::file_sha256

  friend bool operator==(const ReadRequest&, const ReadRequest&) = default;
};

// A key that a store lacks, and the one that it holds in its place, since it takes both for equal.
struct AlikeKey {
  std::string key;
  std::string held;

  friend bool operator==(const AlikeKey&, const AlikeKey&) = default;
};

struct AlikeRequest {
  std::string dataset;
  std::string fingerprint;
  std::vector<std::string> keys;
  std::string file_sha256{};  // PrepareRequest::file_sha256

  friend bool operator==(const AlikeRequest&, const AlikeRequest&) = default;
};

}  // namespace driftwood
