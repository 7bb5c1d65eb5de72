// One execution steered into an order that somebody asked for: see flip.hpp. Without a target it follows the default order.
#pragma once
#include "flip.hpp"

namespace unblink {

class Steered final : public Strategy {
 public:
  void steer(const Target& target) { target_ = target; }

  void begin(const StrategyOptions& options) override {
    rng_.reseed(options.seed);
    flip_.begin(target_, true, Base::kOldest);
  }
  void spawned(TaskId, TaskId, std::int32_t) override {}
  TaskId choose(const Situation& s) override { return target_.held == kNoSite ? s.by_default : flip_.choose(s, rng_); }
  bool teaches() const override { return false; }

 private:
  Target target_;
  Flip flip_;
  Rng rng_;
};

}  // namespace unblink
