// Every schedule of a small program, once each, by depth-first search over the choices: the truth that samplers and
// reductions are compared with.
//
// Invariant: `path_` holds, for each decision of the execution so far, which candidate was taken and how many
// there were; advance() moves on the last one that has another candidate.
#pragma once
#include <vector>

#include "../strategy.hpp"

namespace unblink::model {

class Systematic final : public Strategy {
 public:
  void begin(const StrategyOptions&) override { depth_ = 0; }
  void spawned(TaskId, TaskId, std::int32_t) override {}

  TaskId choose(const Situation& s) override {
    if (depth_ == path_.size()) path_.push_back({0, s.candidates()});
    const int taken = path_[depth_++].taken;
    return taken < s.ready.count() ? s.ready.nth(taken) : kClock;
  }

  // To the next schedule; false when all were run.
  bool advance() {
    path_.resize(depth_);
    while (!path_.empty() && ++path_.back().taken == path_.back().candidates) path_.pop_back();
    return !path_.empty();
  }

 private:
  struct Choice {
    int taken;
    int candidates;
  };
  std::vector<Choice> path_;
  std::size_t depth_ = 0;
};

// Runs every schedule of `model`, calls `seen` with each outcome, and answers how many there were.
template <class Model, class Options, class F>
std::size_t run_every_schedule(Model& model, const Options& options, F&& seen) {
  Systematic strategy;
  std::size_t count = 0;
  do {
    seen(model.run(strategy, options));
    ++count;
  } while (strategy.advance());
  return count;
}

}  // namespace unblink::model
