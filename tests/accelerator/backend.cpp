#include <lockstep/accelerator/backend.hpp>
#include <lockstep/accelerator/cpu_ring.hpp>
#include <lockstep/accelerator/cpu_threads.hpp>
#include <lockstep/accelerator/single_device.hpp>

#include <doctest/doctest.h>

using namespace lockstep;

namespace {

struct NoCommunicator {
  using Device = Cpu;
  [[maybe_unused]] static constexpr const char* name = "none";
};
struct WrongConnect {
  using Device = Cpu;
  using Communicator = Single;
  static constexpr const char* name = "wrong";
  static int connect() { return 0; }
};

static_assert(Backend<SingleDevice<Cpu>> && Backend<CpuThreads> && Backend<CpuRing>);
static_assert(!Backend<NoCommunicator> && !Backend<WrongConnect> && !Backend<int> && !Backend<Cpu>);

}  // namespace

TEST_CASE("backends name themselves") {
  CHECK(std::string_view(CpuRing::name) == "CpuRing");
  CHECK(CpuThreads::connect().size() == 1);
}
