-- What tables and their defaults stand on.
set local role postgres;

create type public.user_role as enum ('admin', 'user', 'creator');
