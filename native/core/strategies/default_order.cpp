// No search: the default order, in which schedules are written down (see engine.hpp).
#include "strategies.hpp"

namespace unblink {
namespace {

class DefaultOrder final : public Strategy {
 public:
  void begin(const StrategyOptions&) override {}
  void spawned(TaskId, TaskId, std::int32_t) override {}
  TaskId choose(const Situation& s) override { return s.by_default; }
  bool is_default_order() const override { return true; }
};

}  // namespace

std::unique_ptr<Strategy> make_default_order() { return std::make_unique<DefaultOrder>(); }

}  // namespace unblink
