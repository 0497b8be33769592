// A source that can only be asked: for all that it has, in one text, and for single keys. Nothing
// proves that it is as it was: what it said is spooled (text/spool.h) and read as a file of that
// kind would be, and no index of it is ever reused.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/source/store.h"
#include "agent/stores/text/spool.h"
#include "merkle/os/clock.h"
#include "merkle/record/schema.h"
#include "proto/contract/store_url.h"

namespace driftwood::agent {

// All that a source has.
struct AskedText {
  std::unique_ptr<const Spool> spool;
  bool is_csv = false;        // else JSON Lines
  std::string not_one_state;  // why it is not of one moment; empty: it is
  // How many records there are, as the source says; absent: it does not.
  std::optional<uint64_t> records;
  // Key columns, and columns that are there even where no record has them, beside what the store's
  // URL says.
  std::vector<std::string> key{};
  std::vector<std::string> columns{};
  std::string filter{};  // what is left out of all that it has, for people
  // Of columns, as the source declares them; the others have what their values show.
  std::map<std::string, merkle::ValueType> types{};
};

class AskedSource {
 public:
  virtual ~AskedSource() = default;
  // For messages, not escaped.
  virtual const std::string& name() const = 0;
  // Errors as of a store's scan; what was cut off is one.
  virtual absl::StatusOr<AskedText> ReadAll(const std::stop_token& stop) = 0;
  // What it answers for `keys`, each a JSON object a line: lines as asked/answers.h reads them.
  // Absent: it can't be asked for keys.
  virtual absl::StatusOr<std::optional<std::string>> Answer(std::string_view keys,
                                                            const std::stop_token& stop) = 0;
};

// `url` is the store's; `csv` and `jsonl`, with these schemes, say how the text is read. `identity`
// is the description's.
struct AskedStoreOptions {
  StoreUrl url;
  StoreUrl csv;
  StoreUrl jsonl;
  std::string identity;
  merkle::Clock clock = merkle::SteadyClock();
};
std::unique_ptr<Store> NewAskedStore(std::unique_ptr<AskedSource> source,
                                     AskedStoreOptions options);

}  // namespace driftwood::agent
