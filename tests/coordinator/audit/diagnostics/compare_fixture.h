// Audits of two copies, left and right, for the tests of what a report says of them.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "coordinator/audit/audit.h"
#include "tests/coordinator/peer/fake_peer.h"

namespace driftwood::coordinator {

class CompareTest : public ::testing::Test {
 protected:
  CompareTest() {
    options_.salt = std::string(16, 's');
    options_.now_seconds = [] { return 0.0; };
    plan_.recheck.seconds = 0;
  }

  Report Compare(FakePeer::Rows left, FakePeer::Rows right) {
    left_ = std::make_unique<FakePeer>(std::move(left));
    right_ = std::make_unique<FakePeer>(std::move(right));
    if (prepare_) prepare_();
    Interrupt interrupt;
    return RunAudit(plan_, {left_.get(), right_.get()}, options_, nullptr, &interrupt);
  }

  AuditPlan plan_{.replicas = {{"left", {"fake:left"}}, {"right", {"fake:right"}}}};
  AuditOptions options_;
  std::unique_ptr<FakePeer> left_;
  std::unique_ptr<FakePeer> right_;
  std::function<void()> prepare_;  // before the audit
};

}  // namespace driftwood::coordinator
