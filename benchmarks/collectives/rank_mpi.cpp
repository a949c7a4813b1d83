// One rank of an MPI library, as its own launcher starts it.
// Usage: mpirun ... collectives_openmpi SOCKET PAGE FOLDER; the benchmark starts it.
#include "rank.hpp"
#include <lockstep/tensor/memory.hpp>

#define OMPI_SKIP_MPICXX 1  // the C functions are all that is used
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

namespace {

using benchmarks::Operation;

class Mpi {
 public:
  Mpi() {
    MPI_Init(nullptr, nullptr);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
  }
  Mpi(const Mpi&) = delete;
  Mpi& operator=(const Mpi&) = delete;
  ~Mpi() { MPI_Finalize(); }

  int rank() const { return rank_; }
  int size() const { return size_; }
  static constexpr bool supports(Operation) { return true; }
  static lockstep::AlignedMemory make(std::size_t bytes) { return lockstep::AlignedMemory(bytes); }

  void run(Operation operation, std::span<float> input, std::span<float> output) const {
    const int whole = static_cast<int>(input.size()), piece = whole / size_;
    const int received = static_cast<int>(output.size());
    const MPI_Comm world = MPI_COMM_WORLD;
    switch (operation) {
      case Operation::all_reduce:
        MPI_Allreduce(MPI_IN_PLACE, input.data(), whole, MPI_FLOAT, MPI_SUM, world);
        break;
      case Operation::reduce:
        MPI_Reduce(input.data(), output.data(), whole, MPI_FLOAT, MPI_SUM, 0, world);
        break;
      case Operation::reduce_scatter:
        MPI_Reduce_scatter_block(input.data(), output.data(), received, MPI_FLOAT, MPI_SUM, world);
        break;
      case Operation::all_gather:
        MPI_Allgather(input.data(), whole, MPI_FLOAT, output.data(), whole, MPI_FLOAT, world);
        break;
      case Operation::broadcast:
        MPI_Bcast(input.data(), whole, MPI_FLOAT, 0, world);
        break;
      case Operation::gather:
        MPI_Gather(input.data(), whole, MPI_FLOAT, output.data(), whole, MPI_FLOAT, 0, world);
        break;
      case Operation::scatter:
        MPI_Scatter(input.data(), received, MPI_FLOAT, output.data(), received, MPI_FLOAT, 0, world);
        break;
      case Operation::all_to_all:
        MPI_Alltoall(input.data(), piece, MPI_FLOAT, output.data(), piece, MPI_FLOAT, world);
        break;
      case Operation::send_receive:
        MPI_Sendrecv(input.data(), whole, MPI_FLOAT, (rank_ + 1) % size_, 0, output.data(), whole, MPI_FLOAT,
                     (rank_ + size_ - 1) % size_, 0, world, MPI_STATUS_IGNORE);
        break;
    }
  }

 private:
  int rank_ = 0, size_ = 1;
};

}  // namespace

int main(int argument_count, char** arguments) {
  return benchmarks::rank_main("collectives_openmpi", [&] {
    if (argument_count != 4) throw lockstep::ArgumentError("this program is started by the benchmark collectives");
    Mpi mpi;
    benchmarks::Rank<Mpi>(mpi, arguments[1], arguments[2]).serve();
  });
}
