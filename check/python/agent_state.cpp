#include "check/python/agent_state.h"

namespace heapwatch::check::python {

AgentState& agent_state() {
  static auto* const instance = new AgentState;
  return *instance;
}

}  // namespace heapwatch::check::python
