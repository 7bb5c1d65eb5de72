// A selectively uniform random walk (SURW: Zhao et al., ASPLOS 2025, algorithm 2): the interesting operations of an execution
// come in an order that is nearly uniform among all their orders; the others as random priorities have it.
//
// Interesting is what comes to one shared place, data or a lock, and to each other one with probability 0.3; a task is taken in
// proportion to the interesting operations that it and its descendants have left. The counts are the most
// that any execution has shown, not those of one profile, for one profile can miss a branch.
#pragma once
#include <algorithm>
#include <vector>

#include "../knowledge.hpp"
#include "../rng.hpp"

namespace unblink {

class SelectiveWalk {
 public:
  void begin(const Knowledge& knowledge, Rng& rng) {
    knowledge_ = &knowledge;
    numbering_.begin(knowledge);
    cursor_ = 0;
    next_ = kNone;
    blocked_.clear();
    priority_.clear();
    select(rng);
  }

  void spawned(TaskId task, TaskId parent, Rng& rng) {
    const auto id = static_cast<std::size_t>(task);
    if (left_.size() <= id) left_.resize(id + 1, 0);
    left_[id] = id < whole_.size() ? whole_[id] : 0;
    if (parent == kNone) return;
    std::uint64_t& of_parent = left_[static_cast<std::size_t>(parent)];
    if (of_parent > 0) {
      if (parent == next_ && left_[id] >= 1 + rng.below(static_cast<std::uint32_t>(std::min<std::uint64_t>(of_parent, UINT32_MAX)))) next_ = task;
      of_parent -= std::min(of_parent, left_[id]);
    }
  }

  TaskId choose(const Situation& s, Rng& rng) {
    follow(s, rng);
    if (s.clock_allowed && rng.below(static_cast<std::uint32_t>(s.candidates())) == 0) return kClock;
    while (priority_.size() < s.tasks.task_count()) priority_.push_back(rng.unit());
    for (;;) {
      TaskId best = kNone;
      s.ready.each([&](TaskId task) {
        if (!blocked_.has(task) && (best == kNone || of(task) > of(best))) best = task;
      });
      if (best == kNone) {
        blocked_.clear();
        next_ = kNone;
        continue;
      }
      if (!is_interesting(s.tasks.pending(best))) return best;
      std::uint64_t& left = left_[static_cast<std::size_t>(best)];
      if (left == 0) left = 1;
      if (next_ == kNone || !s.ready.has(next_)) draw(s, rng);
      if (best == next_) return best;
      blocked_.add(best);
    }
  }

 private:
  double& of(TaskId task) { return priority_[static_cast<std::size_t>(task)]; }

  bool is_interesting(const Pending& pending) {
    return pending.key != kNoKey && pending.site > kImportSite && has(numbering_.of(pending));
  }
  bool has(PlaceId place) const { return std::find(selected_.begin(), selected_.end(), place) != selected_.end(); }

  // What was done since the last decision.
  void follow(const Situation& s, Rng& rng) {
    for (; cursor_ < s.log.size(); ++cursor_) {
      const Happened& now = s.log[cursor_];
      if (now.task < 0 || now.is_inside()) continue;
      const auto id = static_cast<std::size_t>(now.task);
      if (now.key != kNoKey && now.site > kImportSite && has(numbering_.enter(now.key, now.site))) {
        if (left_[id] > 0) --left_[id];
        blocked_.clear();
        next_ = kNone;
      } else if (id < priority_.size()) {
        priority_[id] = rng.unit();
      }
    }
  }

  void draw(const Situation& s, Rng& rng) {
    std::uint64_t total = 0;
    s.ready.each([&](TaskId task) { total += blocked_.has(task) ? 0 : left_[static_cast<std::size_t>(task)]; });
    std::uint64_t x = total == 0 ? 0 : rng.next() % total;
    next_ = kNone;
    s.ready.each([&](TaskId task) {
      if (next_ != kNone || blocked_.has(task)) return;
      const std::uint64_t left = left_[static_cast<std::size_t>(task)];
      if (x < left) next_ = task;
      x -= std::min(x, left);
    });
  }

  void select(Rng& rng) {
    selected_.clear();
    std::uint64_t total = 0;
    const auto weight = [](const PlaceFacts& place) {
      std::uint64_t sum = 0;
      for (const std::uint32_t count : place.counts) sum += count;
      return sum;
    };
    const auto& places = knowledge_->places();
    // First those to which many tasks come; any shared one if there are none.
    for (const std::size_t least : {std::max<std::size_t>(2, knowledge_->most_tasks() / 2), std::size_t{2}}) {
      total = 0;
      candidates_.clear();
      for (const PlaceFacts& place : places) {
        const auto visitors = static_cast<std::size_t>(std::popcount(place.visitors));
        if (!place.written || visitors < least) continue;
        candidates_.push_back(&place);
        total += weight(place);
      }
      if (!candidates_.empty()) break;
    }
    if (total > 0) {
      std::uint64_t x = rng.next() % total;
      const PlaceFacts* chosen = nullptr;
      for (const PlaceFacts* place : candidates_) {
        if (chosen == nullptr && x < weight(*place)) chosen = place;
        x -= std::min(x, weight(*place));
      }
      for (const PlaceFacts* place : candidates_)
        if (place == chosen || rng.unit() < 0.3) selected_.push_back(place->place);
    }
    count_whole();
  }

  // For each task: its own interesting operations and those of its descendants.
  void count_whole() {
    whole_.assign(knowledge_->parents().size(), 0);
    for (const PlaceFacts& place : knowledge_->places()) {
      if (!has(place.place)) continue;
      for (std::size_t task = 0; task < place.counts.size() && task < whole_.size(); ++task) whole_[task] += place.counts[task];
    }
    for (std::size_t task = whole_.size(); task-- > 1;)
      if (const TaskId parent = knowledge_->parents()[task]; parent >= 0) whole_[static_cast<std::size_t>(parent)] += whole_[task];
  }

  const Knowledge* knowledge_ = nullptr;
  Knowledge::Places numbering_;
  std::vector<const PlaceFacts*> candidates_;
  std::vector<PlaceId> selected_;
  std::vector<std::uint64_t> whole_, left_;
  std::vector<double> priority_;
  TaskSet blocked_;
  TaskId next_ = kNone;
  std::size_t cursor_ = 0;
};

}  // namespace unblink
