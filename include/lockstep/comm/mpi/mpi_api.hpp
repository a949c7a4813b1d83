// <mpi.h> without the C++ bindings that MPI gave up in 2012, which some versions still bring along.
#pragma once

#ifndef OMPI_SKIP_MPICXX
#define OMPI_SKIP_MPICXX 1
#endif
#ifndef MPICH_SKIP_MPICXX
#define MPICH_SKIP_MPICXX 1
#endif

#include <mpi.h>

#if MPI_VERSION < 3
#error "lockstep needs MPI 3.0 or later: it makes communicators with MPI_Comm_idup"
#endif
