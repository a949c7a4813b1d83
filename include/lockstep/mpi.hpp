// Everything that needs <mpi.h>: the communicators Mpi and MpiNative and the backend CpuMpi. Include it beside
// lockstep.hpp, compile with mpicxx or its flags, and start the program with the mpirun of the same MPI.
#pragma once

#include <lockstep/accelerator/cpu_mpi.hpp>
#include <lockstep/comm/mpi.hpp>
