#include <lockstep/comm/mpi/mpi_operation.hpp>

#include <doctest/doctest.h>

#include <cstddef>

namespace ls = lockstep;
using ls::detail::Collective;
using ls::detail::MpiOperation;
using ls::detail::MpiPath;

namespace {

MpiOperation operation(Collective collective, std::size_t bytes, int size, bool native = false) {
  ls::detail::Call call;
  call.fingerprint = {.collective = collective, .dtype = ls::DType::float32, .count = bytes / 4};
  call.piece = bytes;
  call.element = 4;
  return MpiOperation(call, size, native);
}

}  // namespace

TEST_CASE("small calls travel with the records, others in rounds of bounded size") {
  CHECK(operation(Collective::barrier, 0, 2).rounds() == 0);
  CHECK(operation(Collective::all_reduce, 1000, 2).in_records);
  CHECK(operation(Collective::all_reduce, 1000, 2).rounds() == 0);
  CHECK(!operation(Collective::all_reduce, 1000, 100).in_records);
  CHECK(!operation(Collective::all_to_all, 1000, 3).in_records);  // three pieces
  CHECK(operation(Collective::all_reduce, 16384, 2).path == MpiPath::flat);
  CHECK(operation(Collective::all_reduce, 16388, 2).path == MpiPath::sliced);
  CHECK(operation(Collective::all_reduce, std::size_t{10} << 20, 2).rounds() == 10);
  CHECK(operation(Collective::reduce_scatter, std::size_t{1} << 20, 4).rounds() == 4);
  CHECK(operation(Collective::broadcast, std::size_t{3} << 20, 4).path == MpiPath::cascaded);
  CHECK(operation(Collective::all_gather, std::size_t{1} << 33, 4).rounds() == 512);
}

TEST_CASE("MPI's own reductions are used only where they are asked for, and fit") {
  CHECK(operation(Collective::all_reduce, 1 << 20, 2, true).path == MpiPath::native);
  CHECK(operation(Collective::all_reduce, std::size_t{1} << 32, 2, true).rounds() == 16);
  CHECK(operation(Collective::reduce_scatter, std::size_t{1} << 30, 2, true).path == MpiPath::sliced);
  CHECK(operation(Collective::all_gather, 1 << 20, 2, true).path == MpiPath::moved);
}
