#include "strategies.hpp"

namespace unblink {

std::unique_ptr<Strategy> make_strategy(const std::string& name) {
  if (name == "default") return make_default_order();
  if (name == "random") return make_random();
  if (name == "pct") return make_pct();
  if (name == "pos") return make_pos();
  return nullptr;
}

}  // namespace unblink
