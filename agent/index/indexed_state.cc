#include "agent/index/indexed_state.h"

namespace driftwood::agent {

namespace {

void AppendLength(uint64_t length, std::string* out) {
  for (int shift = 0; shift < 64; shift += 8) out->push_back(static_cast<char>(length >> shift));
}

// Takes eight little-endian bytes off `bytes`; false if there are not as many.
bool TakeLength(std::string_view* bytes, uint64_t* length) {
  if (bytes->size() < 8) return false;
  *length = 0;
  for (size_t i = 0; i < 8; ++i) {
    *length |= uint64_t{static_cast<unsigned char>((*bytes)[i])} << (8 * i);
  }
  bytes->remove_prefix(8);
  return true;
}

bool TakeText(std::string_view* bytes, std::string* text) {
  uint64_t length = 0;
  if (!TakeLength(bytes, &length) || length > bytes->size()) return false;
  *text = bytes->substr(0, length);
  bytes->remove_prefix(length);
  return true;
}

constexpr char kStateVersion = 2;

}  // namespace

std::string IndexedState::Encode() const {
  std::string out(1, kStateVersion);
  AppendLength(records, &out);
  AppendLength(unparsed, &out);
  for (const std::string* text : {&position, &not_point_in_time}) {
    AppendLength(text->size(), &out);
    out += *text;
  }
  return out;
}

absl::StatusOr<IndexedState> IndexedState::Decode(std::string_view bytes) {
  IndexedState state;
  const bool known = !bytes.empty() && bytes[0] == kStateVersion;
  if (known) bytes.remove_prefix(1);
  if (!known || !TakeLength(&bytes, &state.records) || !TakeLength(&bytes, &state.unparsed) ||
      !TakeText(&bytes, &state.position) || !TakeText(&bytes, &state.not_point_in_time) ||
      !bytes.empty()) {
    return absl::DataLossError("the index's source position is malformed; build the index anew");
  }
  return state;
}

}  // namespace driftwood::agent
