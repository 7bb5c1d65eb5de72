// PCT: probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi, Nagarakatte, ASPLOS 2010, section 3).
//
// Each task gets a random priority above d; the highest that is ready runs; at d-1 steps chosen beforehand the
// running task's priority drops below all others. A bug of depth d in an execution of k steps with n tasks is
// met with probability at least 1/(n k^(d-1)).
//
// Deviations: the clock is one more task, so that a stall is one more thing with a priority; after it was chosen
// its priority is drawn again, for a clock that never sleeps would spend the whole stall at once. Invariants:
// change points are positions in [1, k], sorted, consumed in order; `order_` has the tasks by falling priority, each
// once, but for ended ones, which leave it when the search for the highest that is ready meets them. So a decision
// looks at the tasks above the chosen one, which wait, and at no others.
#include <algorithm>
#include <vector>

#include "strategies.hpp"

namespace unblink {
namespace {

class Pct final : public Strategy {
 public:
  void begin(const StrategyOptions& options) override {
    rng_.reseed(options.seed);
    priority_.clear();
    order_.clear();
    clock_ = 1.0 + rng_.unit();
    next_change_ = 0;
    changes_.clear();
    const auto k = static_cast<std::uint32_t>(std::min<std::uint64_t>(options.expected_steps, 1u << 24)) + 1;
    for (int i = 1; i < options.depth; ++i) changes_.push_back(1 + rng_.below(k));
    std::sort(changes_.begin(), changes_.end());
    // Which of the low priorities a change point gives has nothing to do with when it comes.
    labels_.clear();
    for (std::size_t i = 0; i < changes_.size(); ++i) labels_.push_back(-static_cast<double>(i + 1));
    for (std::size_t i = labels_.size(); i > 1; --i) std::swap(labels_[i - 1], labels_[rng_.below(static_cast<std::uint32_t>(i))]);
  }

  void spawned(TaskId task, TaskId, std::int32_t) override {
    const auto wanted = static_cast<std::size_t>(task) + 1;
    while (priority_.size() < wanted) {
      priority_.push_back(1.0 + rng_.unit());
      insert(static_cast<TaskId>(priority_.size() - 1));
    }
  }

  TaskId choose(const Situation& s) override {
    TaskId best = highest(s);
    while (next_change_ < changes_.size() && s.step >= changes_[next_change_]) {
      lower(best, labels_[next_change_++]);
      best = highest(s);
    }
    if (best == kClock) clock_ = 1.0 + rng_.unit();
    return best;
  }

 private:
  double& of(TaskId task) { return task == kClock ? clock_ : priority_[static_cast<std::size_t>(task)]; }

  void insert(TaskId task) {
    const auto place = std::find_if(order_.begin(), order_.end(), [&](TaskId other) { return of(other) < of(task); });
    order_.insert(place, task);
  }

  void lower(TaskId task, double priority) {
    of(task) = priority;
    if (task == kClock) return;
    order_.erase(std::find(order_.begin(), order_.end(), task));
    insert(task);
  }

  TaskId highest(const Situation& s) {
    std::size_t ended = 0;
    TaskId best = kNone;
    for (std::size_t i = 0; i < order_.size() && best == kNone; ++i) {
      const TaskId task = order_[i];
      if (s.ready.has(task))
        best = task;
      else if (s.tasks.pending(task).op == Op::kEnd)
        ++ended;
    }
    if (ended > 0) std::erase_if(order_, [&](TaskId t) { return !s.ready.has(t) && s.tasks.pending(t).op == Op::kEnd; });
    return s.clock_allowed && (best == kNone || clock_ > of(best)) ? kClock : best;
  }

  Rng rng_;
  std::vector<double> priority_;
  std::vector<TaskId> order_;
  double clock_ = 0.0;
  std::vector<std::uint64_t> changes_;
  std::vector<double> labels_;
  std::size_t next_change_ = 0;
};

}  // namespace

std::unique_ptr<Strategy> make_pct() { return std::make_unique<Pct>(); }

}  // namespace unblink
