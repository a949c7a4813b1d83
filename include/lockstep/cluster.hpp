// The backend CpuCluster and what it is made of. Include it besides lockstep.hpp; it needs OpenSSL 3.
#pragma once

#include <lockstep/accelerator/cpu_cluster.hpp>
