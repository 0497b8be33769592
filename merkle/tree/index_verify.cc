#include "merkle/tree/index_verify.h"

#include <string>
#include <string_view>

#include "merkle/status_macros.h"
#include "merkle/tree/leaf.h"
#include "merkle/tree/node.h"
#include "merkle/tree/node_cursor.h"

namespace driftwood::merkle {
namespace {

class Verifier {
 public:
  explicit Verifier(const IndexSnapshot& snapshot)
      : snapshot_(snapshot), leveler_(snapshot.leveler()) {}

  absl::Status Run() {
    RETURN_IF_ERROR(VerifyLeaves());
    Summary top = leaves_;
    for (int level = 2; level <= kLevelMax; ++level) {
      ASSIGN_OR_RETURN(top, VerifyLevel(level));
    }
    const Summary& root = snapshot_.metadata().root;
    if (top != root || leaves_ != root) return Broken("the root", "is not the sum of its records");
    // The nodes that were visited and the metadata record: nothing else is there.
    if (nodes_ + 1 != snapshot_.transaction().entries()) {
      return Broken("the file", "holds entries that belong to no level");
    }
    return absl::OkStatus();
  }

 private:
  static absl::Status Broken(const std::string& where, const std::string& what) {
    return absl::DataLossError("index is damaged: " + where + " " + what);
  }

  absl::Status VerifyLeaves() {
    ASSIGN_OR_RETURN(NodeCursor cursor, NodeCursor::Open(snapshot_.transaction()));
    RETURN_IF_ERROR(cursor.Locate(1, ""));
    last_key_.clear();
    for (bool more = true; more;) {
      ASSIGN_OR_RETURN(const LeafView leaf, LeafView::Parse(cursor.node_key(), cursor.value()));
      RETURN_IF_ERROR(VerifyLeaf(cursor, leaf));
      leaves_ += leaf.summary();
      ++nodes_;
      ASSIGN_OR_RETURN(more, cursor.Next());
    }
    return absl::OkStatus();
  }

  absl::Status VerifyLeaf(const NodeCursor& cursor, const LeafView& leaf) {
    const std::string where = DescribeNode(cursor.node_key());
    if (leaf.Summarize(0, leaf.count()) != leaf.summary()) {
      return Broken(where, "is not the sum of its records");
    }
    const std::string_view start = cursor.start();
    if (leaf.count() == 0 && !start.empty()) return Broken(where, "is empty");
    std::string key;
    for (size_t i = 0; i < leaf.count(); ++i) {
      key.clear();
      leaf.AppendKeyTo(i, &key);
      // Ascending over all leaves; the first is in its leaf, and cut points decide the rest.
      if (key <= last_key_) return Broken(where, "has keys out of order");
      if (i == 0 && !start.empty() && CutPrefix(key) != start) {
        return Broken(where, "begins at a cut point that no record has");
      }
      const bool cuts = leveler_.Level(key) > 0;
      if (cuts != (CutPrefix(key) == start && !start.empty())) {
        return Broken(where, cuts ? "runs over a cut point" : "begins where there is no cut point");
      }
      last_key_.swap(key);
    }
    return absl::OkStatus();
  }

  // The nodes of `level` begin exactly where those nodes of the level below begin whose start has
  // that level, and are the sums of their children.
  absl::StatusOr<Summary> VerifyLevel(int level) {
    ASSIGN_OR_RETURN(NodeCursor parent, NodeCursor::Open(snapshot_.transaction()));
    ASSIGN_OR_RETURN(NodeCursor child, NodeCursor::Open(snapshot_.transaction()));
    RETURN_IF_ERROR(parent.Locate(level, ""));
    RETURN_IF_ERROR(child.Locate(level - 1, ""));
    Summary total;
    bool more_children = true;
    for (bool more = true; more;) {
      const std::string where = DescribeNode(parent.node_key());
      if (!more_children || child.start() != parent.start()) {
        return Broken(where, "has no child that begins where it does");
      }
      Summary sum;
      do {
        ASSIGN_OR_RETURN(const Summary summary, child.summary());
        sum += summary;
        ASSIGN_OR_RETURN(more_children, child.Next());
      } while (more_children && leveler_.Level(child.start()) < level);
      ASSIGN_OR_RETURN(const Summary summary, parent.summary());
      if (sum != summary) return Broken(where, "is not the sum of its children");
      total += summary;
      ++nodes_;
      ASSIGN_OR_RETURN(more, parent.Next());
    }
    if (more_children) {
      return Broken(DescribeNode(child.node_key()), "has no node above where it begins");
    }
    return total;
  }

  const IndexSnapshot& snapshot_;
  const Leveler& leveler_;
  std::string last_key_;
  Summary leaves_;
  uint64_t nodes_ = 0;
};

}  // namespace

absl::Status VerifyTree(const IndexSnapshot& snapshot) { return Verifier(snapshot).Run(); }

}  // namespace driftwood::merkle
