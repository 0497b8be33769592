// What comes from parts of a source that are read side by side, put back into the source's order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "agent/source/store.h"

namespace driftwood::agent {

// Holds items of parts whose turn has not come, up to `bytes_max` of them in all; beyond that it
// gives the order up and holds none any more. So each item comes out once, whatever the parts say,
// and who needs an order must not rely on this one. Not thread-safe.
template <typename Item>
class PartOrder {
 public:
  explicit PartOrder(size_t bytes_max) : bytes_max_(bytes_max) {}

  // Takes an item in, and appends to `out` those whose turn it is now. A part's own come in order.
  void Put(Item item, const ScanPart& part, size_t bytes, std::vector<Item>* out) {
    if (given_up_ || part.number == turn_) {
      out->push_back(std::move(item));
      if (part.ends && part.number == turn_) NextTurn(out);
      return;
    }
    Held& held = held_[part.number];
    held.items.push_back(std::move(item));
    held.bytes += bytes;
    held.ended = held.ended || part.ends;
    bytes_ += bytes;
    if (bytes_ > bytes_max_) GiveUp(out);
  }

  // Appends all that is held, and holds nothing from now on.
  void GiveUp(std::vector<Item>* out) {
    given_up_ = true;
    for (auto& [number, held] : held_) MoveOut(&held, out);
    held_.clear();
    bytes_ = 0;
  }

  bool given_up() const { return given_up_; }

 private:
  struct Held {
    std::vector<Item> items;
    size_t bytes = 0;
    bool ended = false;
  };

  static void MoveOut(Held* held, std::vector<Item>* out) {
    std::move(held->items.begin(), held->items.end(), std::back_inserter(*out));
  }

  void NextTurn(std::vector<Item>* out) {
    for (++turn_; !held_.empty() && held_.begin()->first == turn_; ++turn_) {
      Held held = std::move(held_.begin()->second);
      held_.erase(held_.begin());
      bytes_ -= held.bytes;
      MoveOut(&held, out);
      if (!held.ended) return;
    }
  }

  const size_t bytes_max_;
  uint64_t turn_ = 0;  // the part whose items come out at once
  std::map<uint64_t, Held> held_;
  size_t bytes_ = 0;
  bool given_up_ = false;
};

}  // namespace driftwood::agent
