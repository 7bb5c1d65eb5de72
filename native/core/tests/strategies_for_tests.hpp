// Strategies and drivers that several test files share.
#pragma once
#include <functional>
#include <memory>

#include "../strategies/strategies.hpp"
#include "model.hpp"

namespace unblink::model {

// Asks a function at each decision.
class Asking final : public Strategy {
 public:
  using Answer = std::function<TaskId(const Situation&)>;
  explicit Asking(Answer answer) : answer_(std::move(answer)) {}
  void begin(const StrategyOptions&) override {}
  void spawned(TaskId, TaskId, std::int32_t) override {}
  TaskId choose(const Situation& s) override { return answer_(s); }

 private:
  Answer answer_;
};

inline ModelOptions options_of(std::uint64_t seed, Nanos stall = 0) {
  ModelOptions options;
  options.run.strategy.seed = seed;
  options.run.stall_budget = stall;
  return options;
}

// A strategy that learns from the executions of `model`, or of no model.
inline std::unique_ptr<Strategy> made(const std::string& name) {
  static Knowledge nothing;
  return make_strategy(name, nothing);
}

// In how many of `seeds` executions does the outcome fulfil `wanted`?
template <class F>
int times_that(Model& model, const std::string& strategy, int seeds, F&& wanted, ModelOptions options = {}) {
  const std::unique_ptr<Strategy> search = make_strategy(strategy, model.engine().knowledge());
  int hits = 0;
  for (int seed = 0; seed < seeds; ++seed) {
    options.run.strategy.seed = static_cast<std::uint64_t>(seed);
    hits += wanted(model.run(*search, options));
  }
  return hits;
}

inline bool fails(const Outcome& outcome) { return outcome.failed(); }

}  // namespace unblink::model
