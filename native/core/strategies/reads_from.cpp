// Greybox search on reads-from pairs (RFF: Wolff, Shi, Duck, Mathur, Roychoudhury, ASPLOS 2024, sections 3 and 4).
//
// An abstract schedule is a set of constraints "the read at r takes its value from the write at w", wanted or unwanted. Each
// execution takes one from the corpus, mutates it, and is steered towards it: a read whose wanted write is still to
// come waits, and a write that would spoil a wanted pair, or make an unwanted one, waits; ties go by random
// priorities as in POS. Abstract schedules that showed a new pair join the corpus, and those that
// show rare pairs are taken more often (the paper's power schedule).
#include <algorithm>
#include <unordered_map>
#include <vector>

#include "../flat_map.hpp"
#include "strategies.hpp"

namespace unblink {
namespace {

std::uint64_t pair_of(SiteId write, SiteId read) { return (static_cast<std::uint64_t>(write) << 32) | read; }

class ReadsFrom final : public Strategy {
 public:
  explicit ReadsFrom(const Knowledge& knowledge) : knowledge_(knowledge) {}

  void begin(const StrategyOptions& options) override {
    if (!prepared_) prepare(options);
    prepared_ = false;
  }

  void prepare(const StrategyOptions& options) override {
    prepared_ = true;
    rng_.reseed(options.seed);
    if (knowledge_.generation() != generation_) {
      corpus_.clear();
      seen_.clear();
      pairs_.clear();
    }
    generation_ = knowledge_.generation();
    priority_.clear();
    last_write_.clear();
    cursor_ = 0;
    current_ = mutated();
  }

  void spawned(TaskId task, TaskId, std::int32_t) override {
    while (priority_.size() <= static_cast<std::size_t>(task)) priority_.push_back(rng_.unit());
  }

  TaskId choose(const Situation& s) override {
    follow(s.log);
    if (s.clock_allowed && rng_.below(static_cast<std::uint32_t>(s.candidates())) == 0) return kClock;
    TaskId best = kNone, best_held = kNone;
    s.ready.each([&](TaskId task) {
      TaskId& slot = is_held(s, task) ? best_held : best;
      if (slot == kNone || of(task) > of(slot)) slot = task;
    });
    const TaskId chosen = best != kNone ? best : best_held;
    const Pending& pending = s.tasks.pending(chosen);
    s.ready.each([&](TaskId task) {
      if (task == chosen || s.tasks.pending(task).conflicts(pending)) of(task) = rng_.unit();
    });
    return chosen;
  }

  void ended(const Log& log) override {
    prepared_ = false;
    follow(log);
    bool fresh = false;
    for (const std::uint64_t pair : found_) {
      std::uint32_t& times = seen_[pair];
      if (times++ == 0) {
        fresh = true;
        pairs_.push_back({static_cast<SiteId>(pair >> 32), static_cast<SiteId>(pair), true});
      }
    }
    if (fresh && corpus_.size() < kMostSchedules) {
      current_.shown = found_;
      corpus_.push_back(current_);
    }
    found_.clear();
  }

 private:
  static constexpr std::size_t kMostSchedules = 1000;
  struct Constraint {
    SiteId write, read;
    bool wanted;
  };
  struct Schedule {
    std::vector<Constraint> constraints;
    std::vector<std::uint64_t> shown;
    unsigned taken = 0;
  };

  double& of(TaskId task) { return priority_[static_cast<std::size_t>(task)]; }

  static bool reads(Op op) { return op == Op::kRead || op == Op::kUpdate || op == Op::kAcquire || op == Op::kTryAcquire || op == Op::kGet; }
  static bool writes(Op op) { return !observes_only(op); }

  void follow(const Log& log) {
    for (; cursor_ < log.size(); ++cursor_) {
      const Happened& now = log[cursor_];
      if (now.never) return;
      if (now.task < 0 || now.is_inside() || now.key == kNoKey || now.site <= kImportSite) continue;
      SiteId& last = last_write_[now.key];
      if (reads(now.op)) {
        const std::uint64_t pair = pair_of(last, now.site);
        if (std::find(found_.begin(), found_.end(), pair) == found_.end()) found_.push_back(pair);
      }
      if (writes(now.op)) last = now.site;
    }
  }

  bool is_held(const Situation& s, TaskId task) {
    const Pending& pending = s.tasks.pending(task);
    if (pending.key == kNoKey) return false;
    const SiteId* known = last_write_.find(pending.key);
    const SiteId last = known == nullptr ? kNoSite : *known;
    for (const Constraint& c : current_.constraints) {
      if (reads(pending.op) && c.read == pending.site && c.wanted != (c.write == last)) return true;
      // A write after the wanted one, before its reader has come.
      if (c.wanted && writes(pending.op) && c.write == last && c.write != pending.site && reader_comes(s, c.read, pending.key)) return true;
    }
    return false;
  }

  static bool reader_comes(const Situation& s, SiteId read, Key key) {
    bool comes = false;
    s.ready.each([&](TaskId task) {
      const Pending& pending = s.tasks.pending(task);
      comes = comes || (pending.site == read && pending.key == key);
    });
    return comes;
  }

  Schedule mutated() {
    Schedule schedule;
    if (!corpus_.empty() && rng_.below(10) != 0) schedule.constraints = take().constraints;
    if (pairs_.empty()) return schedule;
    std::vector<Constraint>& constraints = schedule.constraints;
    const std::uint32_t how = rng_.below(4);
    if (how == 0 && !constraints.empty()) {
      constraints.erase(constraints.begin() + rng_.below(static_cast<std::uint32_t>(constraints.size())));
    } else if (how == 1 && !constraints.empty()) {
      Constraint& c = constraints[rng_.below(static_cast<std::uint32_t>(constraints.size()))];
      c.wanted = !c.wanted;
    } else {
      // A read that was seen, with any write that was seen to be read at a site of the same conflict.
      Constraint c = pairs_[rng_.below(static_cast<std::uint32_t>(pairs_.size()))];
      const Constraint& other = pairs_[rng_.below(static_cast<std::uint32_t>(pairs_.size()))];
      if (rng_.below(2) == 0 && knowledge_.group_of(other.read) == knowledge_.group_of(c.read)) c.write = other.write;
      c.wanted = rng_.below(2) == 0;
      constraints.push_back(c);
    }
    return schedule;
  }

  const Schedule& take() {
    std::size_t best = 0;
    double most = -1;
    for (int tries = 0; tries < 3; ++tries) {
      const auto index = rng_.below(static_cast<std::uint32_t>(corpus_.size()));
      double rarity = 0;
      for (const std::uint64_t pair : corpus_[index].shown) rarity += 1.0 / seen_[pair];
      rarity /= 1.0 + corpus_[index].taken;
      if (rarity > most) {
        most = rarity;
        best = index;
      }
    }
    ++corpus_[best].taken;
    return corpus_[best];
  }

  const Knowledge& knowledge_;
  Rng rng_;
  bool prepared_ = false;
  std::uint64_t generation_ = 0;
  std::vector<double> priority_;
  FlatMap<SiteId> last_write_;
  std::vector<std::uint64_t> found_;
  std::size_t cursor_ = 0;
  Schedule current_;
  std::vector<Schedule> corpus_;
  std::vector<Constraint> pairs_;
  std::unordered_map<std::uint64_t, std::uint32_t> seen_;
};

}  // namespace

std::unique_ptr<Strategy> make_reads_from(Knowledge& knowledge) { return std::make_unique<ReadsFrom>(knowledge); }

}  // namespace unblink
