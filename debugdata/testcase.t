repo @System 0 testtags @System.repo.gz
repo base 50 testtags base.repo.gz
system x86_64 rpm @System
solverflags allowvendorchange allowuninstall keepexplicitobsoletes bestobeypolicy keeporphans yumobsoletes
result transaction,problems solver.result
