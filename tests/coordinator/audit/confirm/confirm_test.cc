#include "coordinator/audit/confirm/confirm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "coordinator/walk/walk_findings.h"

namespace driftwood::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Replicas whose records are one letter each, by one-letter keys; ' ' is absent.
class ConfirmTest : public ::testing::Test {
 protected:
  static std::optional<merkle::Digest> Digest(char letter) {
    if (letter == ' ') return std::nullopt;
    return merkle::Digest{static_cast<uint64_t>(letter), 7};
  }

  // "xy": the first replica has x, the second y.
  void Differs(const std::string& key, const std::string& letters) {
    Divergence divergence;
    divergence.key = key;
    for (const char letter : letters) divergence.states.push_back(Digest(letter));
    Found(divergence);
  }
  void DiffersInRun(size_t run, const std::string& key, const std::string& letters) {
    walk_.runs.resize(std::max(walk_.runs.size(), run + 1));
    Differs(key, letters);
    walk_.runs[run].listed.push_back(found_.back());
    found_.pop_back();
    walk_.divergences = DivergenceList::Of(found_);
  }
  void Found(const Divergence& divergence) {
    found_.push_back(divergence);
    walk_.divergences = DivergenceList::Of(found_);
  }

  void Begin(uint64_t keys_max = 100, int passes = 3) {
    const Divergence& any = found_.empty() ? walk_.runs.front().listed.front() : found_.front();
    BeginWith(SourceMap(any.states.size()), keys_max, passes);
  }
  void BeginWith(SourceMap sources, uint64_t keys_max = 100, int passes = 3) {
    confirmation_ = std::make_unique<Confirmation>(walk_, std::move(sources), keys_max, passes);
  }

  // One pass in which the open keys are read: by key what the replicas have; a '!' is a failure of
  // that replica's whole reading, and one of kSaid is what it says of a record that is not there.
  inline static const std::map<char, Presence> kSaid = {
      {'?', Presence::kUnknown}, {'*', Presence::kHidden}, {'>', Presence::kMoved}};
  void Pass(const std::map<std::string, std::string>& stores) {
    const std::vector<std::string> keys = confirmation_->OpenKeys();
    Take(keys, stores);
  }
  void Take(const std::vector<std::string>& keys,
            const std::map<std::string, std::string>& stores) {
    Readings readings(stores.begin()->second.size());
    for (size_t i = 0; i < readings.size(); ++i) {
      readings[i] = std::vector<FoundRecord>();
      for (const std::string& key : keys) {
        const char letter = stores.contains(key) ? stores.at(key)[i] : ' ';
        if (letter == '!') readings[i] = absl::UnavailableError("lost");
        if (kSaid.contains(letter) && readings[i].ok()) {
          FoundRecord& said = readings[i]->emplace_back();
          said.key = key;
          said.presence = kSaid.at(letter);
          said.why = "it says so";
          continue;
        }
        if (letter == ' ' || !readings[i].ok()) continue;
        readings[i]->push_back({key, *Digest(letter), ""});
      }
    }
    confirmation_->Take(keys, readings);
  }

  RecordStatus Status(const std::string& key) const {
    const Candidate* candidate = confirmation_->Find(key);
    return candidate == nullptr ? RecordStatus::kUnconfirmed : candidate->status;
  }
  bool Done() const { return confirmation_->OpenKeys().empty(); }

  WalkResult walk_;
  std::vector<Divergence> found_;  // its divergences
  std::unique_ptr<Confirmation> confirmation_;
};

TEST_F(ConfirmTest, WhatDiffersInTheSameWayIsConfirmed) {
  Differs("a", "xy");
  Differs("b", "x ");
  Begin();
  EXPECT_THAT(confirmation_->OpenKeys(), ElementsAre("a", "b"));
  Pass({{"a", "xy"}, {"b", "x "}});
  EXPECT_EQ(Status("a"), RecordStatus::kConfirmed);
  EXPECT_EQ(Status("b"), RecordStatus::kConfirmed);
  EXPECT_TRUE(Done());
}

TEST_F(ConfirmTest, Ledger28WhatAgreesNowWasInFlight) {
  Differs("changed", "xy");
  Differs("gone", "x ");
  Differs("moved on", "xy");
  Begin();
  Pass({{"changed", "xx"}, {"gone", "  "}, {"moved on", "zz"}});
  for (const char* key : {"changed", "gone", "moved on"}) {
    EXPECT_EQ(Status(key), RecordStatus::kInFlight) << key;
  }
  EXPECT_TRUE(Done());
}

// An answer that is none settles nothing, neither what is missing nor what was found to be equal;
// and leaves the other keys as they are.
TEST_F(ConfirmTest, WhatAReplicaDoesNotKnowStaysUnconfirmed) {
  Differs("a", "x ");
  Differs("b", "x ");
  Differs("c", "xy");
  Differs("d", "x ");
  Begin();
  Pass({{"a", "x?"}, {"b", "x*"}, {"c", "?*"}, {"d", "x "}});
  EXPECT_EQ(Status("a"), RecordStatus::kUnconfirmed);
  EXPECT_EQ(Status("b"), RecordStatus::kUnconfirmed);
  EXPECT_EQ(Status("c"), RecordStatus::kUnconfirmed) << "they did not agree that it is gone";
  EXPECT_EQ(Status("d"), RecordStatus::kConfirmed);
  EXPECT_TRUE(Done()) << "who did not know it is not asked again";
  ASSERT_NE(confirmation_->AbsencesOf("a"), nullptr);
  EXPECT_THAT(*confirmation_->AbsencesOf("a"),
              ElementsAre(ReportAbsence{1, Presence::kUnknown, "it says so"}));
  EXPECT_EQ(confirmation_->AbsencesOf("c")->size(), 2u);
  EXPECT_EQ(confirmation_->AbsencesOf("d"), nullptr);
}

TEST_F(ConfirmTest, ALaterReadingThatSaysNothingChangesNothing) {
  Differs("a", "x ");
  Differs("b", "x ");
  Begin();
  Pass({{"a", "x>"}, {"b", "x "}});
  Take({"a", "b"}, {{"a", "x?"}, {"b", "xx"}});
  EXPECT_EQ(Status("a"), RecordStatus::kConfirmed);
  EXPECT_THAT(*confirmation_->AbsencesOf("a"),
              ElementsAre(ReportAbsence{1, Presence::kMoved, "it says so"}));
  EXPECT_EQ(Status("b"), RecordStatus::kInFlight);
}

TEST_F(ConfirmTest, ARecordThatHasMovedIsNotThere) {
  Differs("a", "x ");
  Differs("b", "xy");
  Differs("c", "x ");
  Begin();
  Pass({{"a", "x>"}, {"b", "x>"}, {"c", ">>"}});
  EXPECT_EQ(Status("a"), RecordStatus::kConfirmed);
  EXPECT_EQ(Status("b"), RecordStatus::kUnstable) << "it was there before";
  EXPECT_EQ(Status("c"), RecordStatus::kInFlight) << "no replica has it any more";
}

// A record that one source of a replica has is there, whatever another one says of it; and what one
// does not know may be there.
TEST_F(ConfirmTest, TheSourcesOfAReplicaAreHeardTogether) {
  Differs("a", "xy");
  Differs("b", "x ");
  BeginWith(SourceMap(std::vector<size_t>{0, 1, 1}));
  Pass({{"a", "xy>"}, {"b", "x>?"}});
  EXPECT_EQ(Status("a"), RecordStatus::kConfirmed);
  EXPECT_EQ(Status("b"), RecordStatus::kUnconfirmed);
  EXPECT_THAT(*confirmation_->AbsencesOf("b"),
              ElementsAre(ReportAbsence{1, Presence::kUnknown, "it says so"}));
}

TEST_F(ConfirmTest, WhatIsMissingUnderAFilterIsAskedForWithoutIt) {
  Differs("a", "x ");
  Differs("b", "x ");
  Differs("c", " y");
  Begin();
  Pass({{"a", "x "}, {"b", "x "}, {"c", " y"}});
  const std::vector<bool> filtered = {false, true};
  const std::vector<std::string> keys = confirmation_->KeysLackedBy(filtered, 100);
  EXPECT_THAT(keys, ElementsAre("a", "b"));
  EXPECT_THAT(confirmation_->KeysLackedBy(filtered, 1), ElementsAre("a"));
  Readings unfiltered(2, std::vector<FoundRecord>());
  unfiltered[1]->push_back({"a", *Digest('z')});
  confirmation_->TakeFiltered(keys, unfiltered, filtered);
  EXPECT_THAT(*confirmation_->AbsencesOf("a"), ElementsAre(ReportAbsence{1, Presence::kFiltered}));
  EXPECT_THAT(*confirmation_->AbsencesOf("b"), ElementsAre(ReportAbsence{1, Presence::kGone}));
  Take(keys, {{"a", "x "}, {"b", "x "}});  // their values, say, under the filter
  EXPECT_THAT(*confirmation_->AbsencesOf("a"), ElementsAre(ReportAbsence{1, Presence::kFiltered}));
}

TEST_F(ConfirmTest, WhatIsMissingStaysConfirmedIfItCantBeAskedForWithoutAFilter) {
  Differs("a", "x ");
  Begin();
  Pass({{"a", "x "}});
  Readings unfiltered(2, std::vector<FoundRecord>());
  unfiltered[1] = absl::PermissionDeniedError("no");
  confirmation_->TakeFiltered({"a"}, unfiltered, {false, true});
  EXPECT_EQ(confirmation_->AbsencesOf("a"), nullptr);
  EXPECT_EQ(Status("a"), RecordStatus::kConfirmed);
}

TEST_F(ConfirmTest, WhatIsGoneEverywhereIsToldFromWhatIsEqualNow) {
  Differs("changed", "xy");
  Differs("gone", "x ");
  Begin();
  Pass({{"changed", "xx"}, {"gone", "  "}});
  EXPECT_FALSE(confirmation_->Find("changed")->GoneEverywhere());
  EXPECT_TRUE(confirmation_->Find("gone")->GoneEverywhere());
}

TEST_F(ConfirmTest, TheKeysThatNoReplicaHasAreThoseInNoReading) {
  const auto record = [](const char* key) { return FoundRecord{key, *Digest('x'), ""}; };
  const Readings readings = {std::vector<FoundRecord>{record("a"), record("d")},
                             std::vector<FoundRecord>{record("b")}};
  EXPECT_THAT(KeysNotFound({"a", "b", "c", "d", "e"}, readings), ElementsAre("c", "e"));
  EXPECT_THAT(KeysNotFound({"a"}, readings), IsEmpty());
}

TEST_F(ConfirmTest, WhatDiffersInAnotherWayEachTimeIsReadUpToTheLimitAndUnstable) {
  Differs("a", "xy");
  Begin(100, 3);
  Pass({{"a", "yx"}});
  EXPECT_EQ(Status("a"), RecordStatus::kUnstable);
  EXPECT_FALSE(Done());
  Pass({{"a", "xz"}});
  EXPECT_FALSE(Done());
  Pass({{"a", "z "}});
  EXPECT_TRUE(Done());
  EXPECT_EQ(Status("a"), RecordStatus::kUnstable);
  EXPECT_EQ(confirmation_->Find("a")->states(), (States{Digest('z'), std::nullopt}));
}

TEST_F(ConfirmTest, AReplicaThatGoesAndComesBackIsConfirmedAsItWasFound) {
  Differs("a", "xy");
  Begin();
  Pass({{"a", "zy"}});
  EXPECT_EQ(Status("a"), RecordStatus::kUnstable);
  Pass({{"a", "xy"}});
  EXPECT_EQ(Status("a"), RecordStatus::kConfirmed);
  EXPECT_TRUE(Done());
}

TEST_F(ConfirmTest, OneThatChangedOnceAndStaysDifferentIsConfirmedAsItIs) {
  Differs("a", "xy");
  Begin();
  Pass({{"a", "zy"}});
  Pass({{"a", "zy"}});
  EXPECT_EQ(Status("a"), RecordStatus::kConfirmed);
  EXPECT_EQ(confirmation_->Find("a")->states(), (States{Digest('z'), Digest('y')}));
}

TEST_F(ConfirmTest, AnUnstableOneMayStillAgree) {
  Differs("a", "xy");
  Begin();
  Pass({{"a", "zy"}});
  Pass({{"a", "zz"}});
  EXPECT_EQ(Status("a"), RecordStatus::kInFlight);
}

TEST_F(ConfirmTest, OneThatAgreesIsNotReadAgain) {
  Differs("a", "xy");
  Differs("b", "xy");
  Begin();
  Pass({{"a", "xx"}, {"b", "yx"}});
  EXPECT_THAT(confirmation_->OpenKeys(), ElementsAre("b"));
}

TEST_F(ConfirmTest, AFailureIsNeverAgreement) {
  Differs("a", "x ");
  Differs("b", "x ");
  Begin(100, 2);
  // The first replica has lost its records, the second is not heard of: nothing says that they
  // agree.
  Pass({{"a", " !"}, {"b", " !"}});
  EXPECT_EQ(Status("a"), RecordStatus::kUnconfirmed);
  EXPECT_FALSE(Done());
  Pass({{"a", "! "}, {"b", "! "}});
  EXPECT_EQ(Status("a"), RecordStatus::kUnconfirmed);
  EXPECT_EQ(Status("b"), RecordStatus::kUnconfirmed);
  EXPECT_TRUE(Done());
}

TEST_F(ConfirmTest, AFailureIsTriedAgain) {
  Differs("a", "xy");
  Begin();
  Pass({{"a", "x!"}});
  Pass({{"a", "xy"}});
  EXPECT_EQ(Status("a"), RecordStatus::kConfirmed);
}

TEST_F(ConfirmTest, AReadingOfOtherReplicasThanThoseComparedIsNone) {
  Differs("a", "xyz");
  Begin();
  Pass({{"a", "xx"}});
  EXPECT_EQ(Status("a"), RecordStatus::kUnconfirmed);
}

TEST_F(ConfirmTest, AnAnswerToAnotherQuestionIsNone) {
  Differs("b", "xy");
  for (const std::vector<std::string>& named :
       {std::vector<std::string>{"a"}, {"c"}, {"b", "b"}, {"b", "a"}}) {
    Begin(100, 1);
    std::vector<FoundRecord> answer;
    for (const std::string& key : named) answer.push_back({key, *Digest('x'), ""});
    EXPECT_FALSE(CheckReading({"b"}, answer).ok());
    Readings readings(2);
    readings[0] = answer;
    readings[1] = std::vector<FoundRecord>{{"b", *Digest('x'), ""}};
    confirmation_->Take({"b"}, readings);
    EXPECT_EQ(Status("b"), RecordStatus::kUnconfirmed);
  }
  EXPECT_TRUE(CheckReading({"a", "b"}, {{"b", *Digest('x'), ""}}).ok());
  EXPECT_TRUE(CheckReading({"a", "b"}, {}).ok());
}

TEST_F(ConfirmTest, ThreeReplicasAgreeOnlyIfAllDo) {
  Differs("a", "xxy");
  Differs("b", "xxy");
  Differs("c", "xyz");
  Differs("d", " x ");
  Begin();
  Pass({{"a", "yyy"}, {"b", "xxz"}, {"c", "xyz"}, {"d", "xxx"}});
  EXPECT_EQ(Status("a"), RecordStatus::kInFlight);
  EXPECT_EQ(Status("b"), RecordStatus::kUnstable);
  EXPECT_EQ(Status("c"), RecordStatus::kConfirmed);
  EXPECT_EQ(Status("d"), RecordStatus::kInFlight);
}

TEST_F(ConfirmTest, KeysOfRunsAreReadTooAndKnowTheirRun) {
  Differs("m", "xy");
  DiffersInRun(0, "a", "x ");
  DiffersInRun(0, "b", "x ");
  DiffersInRun(1, "z", " y");
  Begin();
  EXPECT_THAT(confirmation_->OpenKeys(), ElementsAre("a", "b", "m", "z"));
  Pass({{"a", "xx"}, {"b", "x "}, {"m", "xy"}, {"z", "  "}});
  EXPECT_EQ(Status("a"), RecordStatus::kInFlight);
  EXPECT_EQ(Status("b"), RecordStatus::kConfirmed);
  EXPECT_EQ(Status("z"), RecordStatus::kInFlight);
  EXPECT_EQ(confirmation_->Find("a")->run, 0u);
  EXPECT_EQ(confirmation_->Find("z")->run, 1u);
  EXPECT_EQ(confirmation_->Find("m")->run, std::nullopt);
}

TEST_F(ConfirmTest, BeyondTheMaximumRunsComeLastAndStayUnconfirmed) {
  DiffersInRun(0, "a", "x ");
  DiffersInRun(0, "b", "x ");
  Differs("m", "xy");
  Begin(2);
  EXPECT_THAT(confirmation_->OpenKeys(), ElementsAre("a", "m"));
  Pass({{"a", "xx"}, {"m", "xx"}});
  EXPECT_EQ(Status("b"), RecordStatus::kUnconfirmed);
  EXPECT_EQ(confirmation_->Find("b"), nullptr);
  Begin(0);
  EXPECT_THAT(confirmation_->OpenKeys(), IsEmpty());
}

// As the result of a walk that did not close may have it, whoever misled the walk.
TEST_F(ConfirmTest, AKeyThatIsFoundTwiceIsOneAndComesToAnEnd) {
  Differs("a", "xy");
  Differs("b", "xy");
  DiffersInRun(0, "a", "x ");
  DiffersInRun(1, "a", " y");
  DiffersInRun(1, "z", " y");
  Begin();
  EXPECT_THAT(confirmation_->OpenKeys(), ElementsAre("a", "b", "z"));
  for (int pass = 0; pass < 10 && !Done(); ++pass) {
    Pass({{"a", "xy"}, {"b", "xy"}, {"z", " y"}});
  }
  EXPECT_TRUE(Done());
  for (const char* const key : {"a", "b", "z"}) EXPECT_EQ(Status(key), RecordStatus::kConfirmed);
  EXPECT_EQ(confirmation_->Find("a")->run, std::nullopt);
}

TEST_F(ConfirmTest, ALaterReadingIsTheBetterOneAndItsFailureChangesNothing) {
  Differs("a", "xy");
  Differs("b", "xy");
  Begin();
  Pass({{"a", "xy"}, {"b", "xy"}});
  Take({"a", "b"}, {{"a", "x!"}, {"b", "x!"}});
  EXPECT_EQ(Status("a"), RecordStatus::kConfirmed);
  Take({"a", "b"}, {{"a", "yy"}, {"b", "xz"}});
  EXPECT_EQ(Status("a"), RecordStatus::kInFlight);
  EXPECT_EQ(Status("b"), RecordStatus::kUnstable);
  EXPECT_EQ(confirmation_->Find("b")->states(), (States{Digest('x'), Digest('z')}));
  Take({"a", "unknown"}, {{"a", "yy"}});
  EXPECT_EQ(confirmation_->candidates().size(), 2u);
}

// Against the definition, spelled out over the whole history of each key.
TEST_F(ConfirmTest, RandomHistoriesAreJudgedAsTheDefinitionSays) {
  const auto seed = static_cast<uint32_t>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::string letters = "xy !";
  for (int round = 0; round < 2000; ++round) {
    walk_ = {};
    found_.clear();
    const size_t replicas = 2 + random() % 2;
    const int passes = 1 + static_cast<int>(random() % 4);
    std::string start;
    do {
      start.clear();
      while (start.size() < replicas) start += letters[random() % 3];
    } while (std::set<char>(start.begin(), start.end()).size() == 1);
    Differs("k", start);
    Begin(1, passes);
    RecordStatus wanted = RecordStatus::kUnconfirmed;
    std::string last = start;
    for (int pass = 0; pass < passes && !Done(); ++pass) {
      std::string now;
      while (now.size() < replicas) now += letters[random() % (random() % 4 == 0 ? 4 : 3)];
      Pass({{"k", now}});
      if (now.find('!') != std::string::npos) {
        wanted = RecordStatus::kUnconfirmed;
        continue;
      }
      const bool agree = std::set<char>(now.begin(), now.end()).size() == 1;
      const bool same = now == start || now == last;
      wanted = agree  ? RecordStatus::kInFlight
               : same ? RecordStatus::kConfirmed
                      : RecordStatus::kUnstable;
      last = now;
    }
    ASSERT_EQ(Status("k"), wanted);
    const bool settled = wanted == RecordStatus::kInFlight || wanted == RecordStatus::kConfirmed;
    ASSERT_TRUE(Done());
    ASSERT_TRUE(settled || confirmation_->Find("k")->passes == passes);
  }
}

// --- Replicas of several sources: of each key "xyz" is what sources 0, 1 and 2 hold; the last two
// are one replica.

class ConfirmShardsTest : public ConfirmTest {
 protected:
  // As a walk would find it.
  void DiffersInSources(const std::string& key, const std::string& letters) {
    std::vector<WalkedRecord> records;
    for (size_t s = 0; s < letters.size(); ++s) {
      if (letters[s] != ' ') records.push_back({0, s, 0, key, *Digest(letters[s])});
    }
    for (const Divergence& one : Join(records, sources_)) Found(one);
  }

  const SourceMap sources_{{0, 1, 1}};
};

TEST_F(ConfirmShardsTest, WhicheverSourceHasTheRecordItIsTheReplicas) {
  DiffersInSources("a", "xy ");
  DiffersInSources("b", "x  ");
  BeginWith(sources_);
  Pass({{"a", "x y"}, {"b", "x x"}});
  EXPECT_EQ(Status("a"), RecordStatus::kConfirmed);
  EXPECT_EQ(Status("b"), RecordStatus::kInFlight);
}

TEST_F(ConfirmShardsTest, ADuplicateIsNeverInFlightWhateverItsSourcesHold) {
  for (const char* const key : {"a", "b", "c"}) DiffersInSources(key, "xy ");
  BeginWith(sources_);
  const std::map<std::string, std::string> now = {{"a", "xxx"}, {"b", "xxy"}, {"c", "xyx"}};
  Pass(now);
  for (const char* const key : {"a", "b", "c"}) {
    EXPECT_EQ(Status(key), RecordStatus::kUnstable);
    ASSERT_EQ(confirmation_->Find(key)->duplicates().size(), 1u);
    EXPECT_EQ(confirmation_->Find(key)->duplicates()[0].held.size(), 2u);
  }
  Pass(now);
  for (const char* const key : {"a", "b", "c"}) EXPECT_EQ(Status(key), RecordStatus::kConfirmed);
}

TEST_F(ConfirmShardsTest, ADuplicateThatStaysIsConfirmedAndOneThatGoesWasInFlight) {
  for (const char* const key : {"a", "b", "c"}) DiffersInSources(key, "xxx");
  BeginWith(sources_);
  Pass({{"a", "xxx"}, {"b", "x x"}, {"c", "xxy"}});
  EXPECT_EQ(Status("a"), RecordStatus::kConfirmed);
  EXPECT_EQ(Status("b"), RecordStatus::kInFlight);
  EXPECT_TRUE(confirmation_->Find("b")->duplicates().empty());
  EXPECT_EQ(Status("c"), RecordStatus::kUnstable);
}

TEST_F(ConfirmShardsTest, OneSourceThatCannotBeReadLeavesAllUnconfirmed) {
  DiffersInSources("a", "xy ");
  BeginWith(sources_, 100, 1);
  Pass({{"a", "xx!"}});
  EXPECT_EQ(Status("a"), RecordStatus::kUnconfirmed);
}

TEST_F(ConfirmShardsTest, ReadingsByReplicaAreInKeyOrderWithEachKeyOnce) {
  const auto record = [](const char* key, char letter) {
    return FoundRecord{key, *Digest(letter), ""};
  };
  const Readings by_source = {std::vector<FoundRecord>{record("b", 'x')},
                              std::vector<FoundRecord>{record("a", 'x'), record("d", 'x')},
                              std::vector<FoundRecord>{record("a", 'y'), record("c", 'y')}};
  const Readings by_replica = ByReplica(by_source, sources_);
  ASSERT_EQ(by_replica.size(), 2u);
  EXPECT_THAT(*by_replica[0], ElementsAre(record("b", 'x')));
  EXPECT_THAT(*by_replica[1], ElementsAre(record("a", 'x'), record("c", 'y'), record("d", 'x')));
  Readings failed = by_source;
  failed[2] = absl::UnavailableError("lost");
  EXPECT_TRUE(ByReplica(failed, sources_)[0].ok());
  EXPECT_TRUE(absl::IsUnavailable(ByReplica(failed, sources_)[1].status()));
}

}  // namespace
}  // namespace driftwood::coordinator
