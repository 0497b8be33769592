#include "agent/index/indexed_state.h"

#include <utility>

namespace driftwood::agent {
namespace {

constexpr char kStateVersion = 4;

// Bytes of the state: its version, numbers of eight bytes little-endian, and texts after their
// lengths. A freshness begins with its number in the variant.
class StateWriter {
 public:
  void Byte(size_t byte) { out_.push_back(static_cast<char>(byte)); }
  void Number(uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) Byte((number >> shift) & 0xff);
  }
  void Time(WallTime time) { Number(static_cast<uint64_t>(time.time_since_epoch().count())); }
  void Text(std::string_view text) {
    Number(text.size());
    out_ += text;
  }
  void Basis(const Freshness& freshness) {
    Byte(freshness.index());
    std::visit([this](const auto& basis) { Write(basis); }, freshness);
  }
  void Column(const UnparsedColumn& column) {
    Text(column.column);
    Number(column.count);
    Byte(column.example ? 1 : 0);
    if (column.example) Text(*column.example);
  }
  std::string Take() { return std::move(out_); }

 private:
  void Write(const ProvedUnchanged& basis) { Time(basis.time); }
  void Write(const Followed& basis) {
    Text(basis.history);
    Text(basis.position);
    Time(basis.proved);
  }
  void Write(const Pushed& basis) {
    Text(basis.epoch);
    Number(basis.sequence);
    Byte(basis.complete_up_to ? 1 : 0);
    if (basis.complete_up_to) Time(*basis.complete_up_to);
  }

  std::string out_;
};

// Reads front to back; once something is missing, all that follows reads as nothing.
class StateReader {
 public:
  explicit StateReader(std::string_view bytes) : rest_(bytes) {}

  std::string_view Bytes(uint64_t size) {
    ok_ = ok_ && size <= rest_.size();
    if (!ok_) return {};
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }
  // Less than `bound`.
  uint8_t Byte(uint8_t bound) {
    const std::string_view byte = Bytes(1);
    ok_ = ok_ && static_cast<uint8_t>(byte[0]) < bound;
    return ok_ ? static_cast<uint8_t>(byte[0]) : uint8_t{0};
  }
  uint64_t Number() {
    uint64_t number = 0;
    const std::string_view bytes = Bytes(8);
    for (size_t i = bytes.size(); i > 0; --i) {
      number = number << 8 | static_cast<uint8_t>(bytes[i - 1]);
    }
    return number;
  }
  WallTime Time() { return WallTime(std::chrono::microseconds(static_cast<int64_t>(Number()))); }
  std::string Text() { return std::string(Bytes(Number())); }
  Freshness Basis() {
    switch (Byte(std::variant_size_v<Freshness>)) {
      case 1: {
        Followed followed{Text(), {}, {}};
        followed.position = Text();
        followed.proved = Time();
        return followed;
      }
      case 2: {
        Pushed pushed{Text(), Number()};
        if (Byte(2) == 1) pushed.complete_up_to = Time();
        return pushed;
      }
      default:
        return ProvedUnchanged{Time()};
    }
  }
  UnparsedColumn Column() {
    UnparsedColumn column{Text(), Number()};
    if (Byte(2) == 1) column.example = Text();
    return column;
  }
  bool ok() const { return ok_; }
  bool AtEnd() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace

std::string IndexedState::Encode() const {
  StateWriter writer;
  writer.Byte(kStateVersion);
  writer.Number(records);
  writer.Number(unparsed);
  writer.Text(position);
  writer.Text(not_point_in_time);
  writer.Number(unparsed_columns.size());
  for (const UnparsedColumn& column : unparsed_columns) writer.Column(column);
  writer.Basis(freshness);
  writer.Byte(contradicted ? 1 : 0);
  if (contradicted) {
    writer.Text(contradicted->key);
    writer.Basis(contradicted->at);
  }
  return writer.Take();
}

absl::StatusOr<IndexedState> IndexedState::Decode(std::string_view bytes) {
  IndexedState state;
  StateReader reader(bytes);
  const bool known = reader.Bytes(1) == std::string_view(&kStateVersion, 1);
  state.records = reader.Number();
  state.unparsed = reader.Number();
  state.position = reader.Text();
  state.not_point_in_time = reader.Text();
  for (uint64_t columns = reader.Number(); columns > 0 && reader.ok(); --columns) {
    state.unparsed_columns.push_back(reader.Column());
  }
  state.freshness = reader.Basis();
  if (reader.Byte(2) == 1) {
    std::string key = reader.Text();
    state.contradicted = ContradictedKey{std::move(key), reader.Basis()};
  }
  if (!known || !reader.AtEnd()) {
    return absl::DataLossError("the index's source position is malformed; build the index anew");
  }
  return state;
}

}  // namespace driftwood::agent
