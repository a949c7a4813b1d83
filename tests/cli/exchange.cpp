// A rank for launch.py: joins the job its environment describes and adds up all ranks' numbers, once or until it fails.
#include <lockstep/comm/launch/launch_environment.hpp>
#ifdef EXCHANGE_OVER_TCP
#include <lockstep/comm/tcp.hpp>
#else
#include <lockstep/comm/ring.hpp>
#endif

#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <exception>
#include <span>
#include <vector>

namespace ls = lockstep;

#ifdef EXCHANGE_OVER_TCP
using Communicator = ls::Tcp;
#else
using Communicator = ls::Ring;
#endif

int main(int argc, char** argv) {
  const bool forever = argc > 1 && std::strcmp(argv[1], "forever") == 0;
  try {
    const ls::LaunchEnvironment environment = ls::LaunchEnvironment::detect();
    Communicator communicator(environment);
    std::vector<float> values(1000, static_cast<float>(communicator.rank() + 1));
    communicator.all_reduce(std::span<float>(values));
    std::printf("%s rank %d of %d, pid %ld, sum %g\n", environment.launcher.c_str(), communicator.rank(),
                communicator.size(), static_cast<long>(::getpid()), static_cast<double>(values[999]));
    std::fflush(stdout);
    while (forever) communicator.all_reduce(std::span<float>(values));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
