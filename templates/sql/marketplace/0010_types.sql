-- What tables and their defaults stand on.

create type public.user_role as enum ('admin', 'user', 'creator');
