// The default search: directed executions by turns with a selectively uniform walk, both from what was learned so far.
//
// The directed half asks of each order that was seen whether the other one matters. First every lock-order cycle: all its inner
// acquisition sites are late. Then each early site is late once. Then the other variants of those delays, by turns with
// flips. With nothing left, some random sites are late. The walk finds what is shallow, and depth that can be counted.
// What it stands on, and how it compares with the published searches: docs/decisions/0007.
#include <algorithm>
#include <array>
#include <limits>

#include "../knowledge.hpp"
#include "flip.hpp"
#include "site_delay.hpp"
#include "strategies.hpp"
#include "surw.hpp"

namespace unblink {
namespace {

constexpr unsigned kDelayVariants = 2, kDelayVariantsOfLoops = 4, kFlipVariants = 3;

class Portfolio final : public Strategy {
 public:
  explicit Portfolio(Knowledge& knowledge) : knowledge_(knowledge) {}

  void begin(const StrategyOptions& options) override {
    if (!prepared_) prepare(options);
    prepared_ = false;
  }

  void prepare(const StrategyOptions& options) override {
    prepared_ = true;
    rng_.reseed(options.seed);
    if (knowledge_.generation() != generation_) forget();
    generation_ = knowledge_.generation();
    plan();
  }

  void spawned(TaskId task, TaskId parent, std::int32_t) override {
    if (mode_ == Mode::kWalk) walk_.spawned(task, parent, rng_);
  }

  void ended(const Log&) override { prepared_ = false; }

  TaskId choose(const Situation& s) override {
    switch (mode_) {
      case Mode::kDelay: return delay_.choose(s, rng_);
      case Mode::kFlip: return flip_.choose(s, rng_);
      default: return walk_.choose(s, rng_);
    }
  }

 private:
  enum class Mode : std::uint8_t { kWalk, kDelay, kFlip };

  struct Late {  // a site that may be delayed, in one base order
    SiteId site;
    Base base;
    unsigned done = 0;
    bool swapped;
    double chance;
  };
  struct Turned {
    unsigned done = 0;
    double chance;
  };

  void forget() {
    late_.clear();
    pairs_.clear();
    triples_.clear();
    cycle_.clear();
    early_taken_ = cycle_tries_ = turn_ = rotation_ = 0;
  }

  void plan() {
    refresh();
    if (turn_++ % 2 == 0 && plan_directed()) return;
    mode_ = Mode::kWalk;
    walk_.begin(knowledge_, rng_);
  }

  bool plan_directed() {
    if (cycle_ != knowledge_.inner_sites_of_cycles()) {
      cycle_ = knowledge_.inner_sites_of_cycles();
      cycle_tries_ = 0;
    }
    if (!cycle_.empty() && cycle_tries_ < 2) {
      begin_delay({cycle_, 0, Release::kRunsOn, cycle_tries_++ == 0 ? Base::kOldest : Base::kYoungest});
      return true;
    }
    const std::size_t next = next_late();
    const bool first_round = next != kNothing && rank(late_[next]).front() == 0;
    if (!first_round && (next == kNothing || ++rotation_ % 2 == 1) && plan_flip()) return true;
    if (next != kNothing) {
      begin_delay(variant(late_[next]));
      return true;
    }
    return plan_random_delay();
  }

  // ---- delays

  static constexpr std::size_t kNothing = std::numeric_limits<std::size_t>::max();

  unsigned variants(const Late& late) const {
    return knowledge_.site(late.site).passes > 1 ? kDelayVariantsOfLoops : kDelayVariants;
  }

  // Known from the default order: that order alone. From others: both, one level lower.
  bool is_wanted(const Late& late) const {
    return late.base == Base::kOldest || !knowledge_.site(late.site).early_by_default;
  }

  std::array<double, 3> rank(const Late& late) const {
    const SiteFacts& facts = knowledge_.site(late.site);
    const int conflict = (facts.is_lock ? 2 : 1) + (facts.strong ? 0 : 2) + (facts.free ? 0 : 4);
    return {static_cast<double>(late.done + (facts.early_by_default ? 0 : 1)), static_cast<double>(conflict), late.chance};
  }

  std::size_t next_late() const {
    std::size_t best = kNothing;
    for (std::size_t i = 0; i < late_.size(); ++i) {
      if (late_[i].done >= variants(late_[i]) || !is_wanted(late_[i])) continue;
      if (best == kNothing || rank(late_[i]) < rank(late_[best])) best = i;
    }
    return best;
  }

  Delay variant(Late& late) {
    const std::uint32_t passes = knowledge_.site(late.site).passes;
    const unsigned n = late.done++;
    Delay delay{{late.site}, 0, Release::kRunsOn, late.base};
    if (passes <= 1) {
      if (n == 1) delay.release = Release::kInverted;
    } else if (n < 2) {
      if ((n == 1) != late.swapped) delay.skip = 1 + rng_.below(passes - 1);
    } else if (n == 2) {
      delay.release = Release::kInverted;
    } else {
      delay.skip = rng_.below(passes);
    }
    return delay;
  }

  bool plan_random_delay() {
    const auto& sites = knowledge_.contended_sites();
    if (sites.empty()) return false;
    static constexpr unsigned kCounts[] = {1, 1, 2, 2, 3, 4};
    Delay delay;
    std::uint32_t passes = 1;
    for (unsigned i = kCounts[rng_.below(6)]; i > 0; --i) {
      delay.sites.push_back(sites[rng_.below(static_cast<std::uint32_t>(sites.size()))]);
      passes = std::max(passes, knowledge_.site(delay.sites.back()).passes);
    }
    delay.skip = rng_.below(2) == 0 ? 0 : rng_.below(passes);
    static constexpr Release kReleases[] = {Release::kRunsOn, Release::kRunsOn, Release::kInverted, Release::kOff};
    delay.release = kReleases[rng_.below(4)];
    static constexpr Base kBases[] = {Base::kOldest, Base::kYoungest, Base::kRandom, Base::kRandom};
    delay.base = kBases[rng_.below(4)];
    begin_delay(std::move(delay));
    return true;
  }

  void begin_delay(Delay delay) {
    mode_ = Mode::kDelay;
    delay_.begin(std::move(delay));
  }

  // ---- flips

  static int worth(Conflict about) {
    switch (about) {
      case Conflict::kLockOrder: return 0;
      case Conflict::kData: return 1;
      case Conflict::kSignal:
      case Conflict::kLock: return 2;
      case Conflict::kSerial: return 4;
      default: return 9;
    }
  }

  bool plan_flip() {
    using Rank = std::array<double, 3>;
    Rank best{};
    std::size_t chosen = kNothing;
    const auto consider = [&](std::size_t index, const Turned& turned, int value, bool seen) {
      if (turned.done >= kFlipVariants) return;
      const Rank rank{static_cast<double>(turned.done + (seen ? 1 : 0)), static_cast<double>(value), turned.chance};
      if (chosen != kNothing && !(rank < best)) return;
      best = rank;
      chosen = index;
    };
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      const SitePair& pair = knowledge_.pairs()[i];
      if (pair.about != Conflict::kProtected) consider(i, pairs_[i], worth(pair.about), knowledge_.seen_by_default(pair));
    }
    for (std::size_t i = 0; i < triples_.size(); ++i) {
      const SiteTriple& triple = knowledge_.triples()[i];
      const int value = worth(triple.about) + (triple.about == Conflict::kData ? 0 : 1);
      consider(pairs_.size() + i, triples_[i], value, knowledge_.seen_by_default(triple));
    }
    if (chosen == kNothing) return false;
    const bool is_pair = chosen < pairs_.size();
    Turned& turned = is_pair ? pairs_[chosen] : triples_[chosen - pairs_.size()];
    static constexpr Base kBases[] = {Base::kOldest, Base::kOldest, Base::kYoungest};
    const unsigned n = turned.done++;
    const bool back = (n == 1) != !is_pair;
    Target target;
    if (is_pair) {
      const SitePair& pair = knowledge_.pairs()[chosen];
      target = {kNoSite, pair.first, pair.second};
    } else {
      const SiteTriple& triple = knowledge_.triples()[chosen - pairs_.size()];
      target = {triple.first, triple.last, triple.foreign};
    }
    mode_ = Mode::kFlip;
    flip_.begin(target, back, kBases[n]);
    return true;
  }

  // What was learned since the last execution.
  void refresh() {
    const auto& early = knowledge_.early_sites();
    for (; early_taken_ < early.size(); ++early_taken_)
      for (const Base base : {Base::kOldest, Base::kYoungest})
        late_.push_back({early[early_taken_], base, 0, rng_.below(2) == 0, rng_.unit()});
    while (pairs_.size() < knowledge_.pairs().size()) pairs_.push_back({0, rng_.unit()});
    while (triples_.size() < knowledge_.triples().size()) triples_.push_back({0, rng_.unit()});
  }

  Knowledge& knowledge_;
  Rng rng_;
  Mode mode_ = Mode::kWalk;
  SelectiveWalk walk_;
  SiteDelay delay_;
  Flip flip_;
  std::uint64_t generation_ = 0;
  std::vector<Late> late_;
  std::vector<Turned> pairs_, triples_;  // as knowledge_ has them
  std::vector<SiteId> cycle_;
  std::size_t early_taken_ = 0;
  unsigned cycle_tries_ = 0, turn_ = 0, rotation_ = 0;
  bool prepared_ = false;
};

}  // namespace

std::unique_ptr<Strategy> make_portfolio(Knowledge& knowledge) { return std::make_unique<Portfolio>(knowledge); }

}  // namespace unblink
