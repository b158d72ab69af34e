-- A project that is to be moved holds neither the generator nor the ledger of these templates.
drop schema standin cascade;
drop schema vectabase cascade;
