-- AES-256-GCM (NIST SP 800-38D) on pgcrypto's AES. Postgres has no GCM, no carry-less multiplication and no xor of bytea.
--
-- What handles keys or plaintext here is written as assignments: plpgsql evaluates them without the executor, so that
-- auto_explain and pg_stat_statements, which listen there, never see them.

-- Carry-less product of two 32-bit numbers: in products of numbers that have only every fourth bit, the at most eight
-- ones of a column cannot carry into the next. Postgres gives all these operators one precedence, hence the brackets.
create function vectabase.clmul(a bigint, b bigint) returns bigint
language sql immutable parallel safe
return
  ((((a & 286331153) * (b & 286331153)) # ((a & 572662306) * (b & 2290649224))
    # ((a & 1145324612) * (b & 1145324612)) # ((a & 2290649224) * (b & 572662306))) & 1229782938247303441)
  | ((((a & 286331153) * (b & 572662306)) # ((a & 572662306) * (b & 286331153))
    # ((a & 1145324612) * (b & 2290649224)) # ((a & 2290649224) * (b & 1145324612))) & 2459565876494606882)
  | ((((a & 286331153) * (b & 1145324612)) # ((a & 572662306) * (b & 572662306))
    # ((a & 1145324612) * (b & 286331153)) # ((a & 2290649224) * (b & 2290649224))) & 4919131752989213764)
  | ((((a & 286331153) * (b & 2290649224)) # ((a & 572662306) * (b & 1145324612))
    # ((a & 1145324612) * (b & 572662306)) # ((a & 2290649224) * (b & 286331153))) & 614891469123651720);

-- GHASH of whole blocks. Words are numbered from the least significant one; GCM's bits run the other way, which costs
-- one shift of the product.
create function vectabase.ghash(h bytea, data bytea) returns bytea
language plpgsql immutable strict parallel safe set search_path = ''
as $$
declare
  m constant bigint := 4294967295;
  h3 constant bigint := (get_byte(h, 0)::bigint << 24) | (get_byte(h, 1) << 16)
                | (get_byte(h, 2) << 8) | get_byte(h, 3);
  h2 constant bigint := (get_byte(h, 4)::bigint << 24) | (get_byte(h, 5) << 16)
                | (get_byte(h, 6) << 8) | get_byte(h, 7);
  h1 constant bigint := (get_byte(h, 8)::bigint << 24) | (get_byte(h, 9) << 16)
                | (get_byte(h, 10) << 8) | get_byte(h, 11);
  h0 constant bigint := (get_byte(h, 12)::bigint << 24) | (get_byte(h, 13) << 16)
                | (get_byte(h, 14) << 8) | get_byte(h, 15);
  h01 constant bigint := h0 # h1;
  h23 constant bigint := h2 # h3;
  h02 constant bigint := h0 # h2;
  h13 constant bigint := h1 # h3;
  h03 constant bigint := h01 # h23;
  y0 bigint := 0; y1 bigint := 0; y2 bigint := 0; y3 bigint := 0;
  y01 bigint; y23 bigint; y02 bigint; y13 bigint; y03 bigint;
  p0 bigint; p1 bigint; p2 bigint; p3 bigint; p01 bigint; p23 bigint; q0 bigint; q1 bigint;
  c2 bigint; c3 bigint; c4 bigint;
  z0 bigint; z1 bigint; z2 bigint; z3 bigint; z4 bigint; z5 bigint; z6 bigint; z7 bigint;
  at integer := 0;
begin
  while at < length(data) loop
    y3 := y3 # ((get_byte(data, at)::bigint << 24) | (get_byte(data, at + 1) << 16)
                | (get_byte(data, at + 2) << 8) | get_byte(data, at + 3));
    y2 := y2 # ((get_byte(data, at + 4)::bigint << 24) | (get_byte(data, at + 5) << 16)
                | (get_byte(data, at + 6) << 8) | get_byte(data, at + 7));
    y1 := y1 # ((get_byte(data, at + 8)::bigint << 24) | (get_byte(data, at + 9) << 16)
                | (get_byte(data, at + 10) << 8) | get_byte(data, at + 11));
    y0 := y0 # ((get_byte(data, at + 12)::bigint << 24) | (get_byte(data, at + 13) << 16)
                | (get_byte(data, at + 14) << 8) | get_byte(data, at + 15));
    -- Karatsuba twice: nine products instead of sixteen
    y01 := y0 # y1;
    y23 := y2 # y3;
    y02 := y0 # y2;
    y13 := y1 # y3;
    y03 := y01 # y23;
    p0 := vectabase.clmul(h0, y0);
    p1 := vectabase.clmul(h1, y1);
    p2 := vectabase.clmul(h2, y2);
    p3 := vectabase.clmul(h3, y3);
    p01 := vectabase.clmul(h01, y01) # p0 # p1;
    p23 := vectabase.clmul(h23, y23) # p2 # p3;
    q0 := vectabase.clmul(h02, y02);
    q1 := vectabase.clmul(h13, y13);
    c2 := p1 # q0 # p0 # p2;
    c3 := vectabase.clmul(h03, y03) # q0 # q1 # p01 # p23;
    c4 := p2 # q1 # p1 # p3;
    -- 256 bits in eight words
    z0 := p0 & m;
    z1 := (p0 >> 32) # (p01 & m);
    z2 := (p01 >> 32) # (c2 & m);
    z3 := (c2 >> 32) # (c3 & m);
    z4 := (c3 >> 32) # (c4 & m);
    z5 := (c4 >> 32) # (p23 & m);
    z6 := (p23 >> 32) # (p3 & m);
    z7 := p3 >> 32;
    -- shifted left by one
    z7 := ((z7 << 1) | (z6 >> 31)) & m;
    z6 := ((z6 << 1) | (z5 >> 31)) & m;
    z5 := ((z5 << 1) | (z4 >> 31)) & m;
    z4 := ((z4 << 1) | (z3 >> 31)) & m;
    z3 := ((z3 << 1) | (z2 >> 31)) & m;
    z2 := ((z2 << 1) | (z1 >> 31)) & m;
    z1 := ((z1 << 1) | (z0 >> 31)) & m;
    z0 := (z0 << 1) & m;
    -- modulo x^128 + x^7 + x^2 + x + 1
    z3 := z3 # (((z0 << 31) # (z0 << 30) # (z0 << 25)) & m);
    y0 := z4 # z0 # (z0 >> 1) # (z0 >> 2) # (z0 >> 7) # (((z1 << 31) # (z1 << 30) # (z1 << 25)) & m);
    y1 := z5 # z1 # (z1 >> 1) # (z1 >> 2) # (z1 >> 7) # (((z2 << 31) # (z2 << 30) # (z2 << 25)) & m);
    y2 := z6 # z2 # (z2 >> 1) # (z2 >> 2) # (z2 >> 7) # (((z3 << 31) # (z3 << 30) # (z3 << 25)) & m);
    y3 := z7 # z3 # (z3 >> 1) # (z3 >> 2) # (z3 >> 7);
    at := at + 16;
  end loop;
  return int8send((y3 << 32) | y2) || int8send((y1 << 32) | y0);
end
$$;

-- Zero block, first counter block and the rest in one call of AES: the hash key, the mask of the tag, the key stream.
create function vectabase.gcm_blocks(key bytea, nonce bytea, blocks integer) returns bytea
language plpgsql immutable strict parallel safe set search_path = ''
as $$
declare
  counters bytea := decode(repeat('00', 16), 'hex');
begin
  for number in 1 .. blocks + 1 loop
    counters := counters || nonce || int4send(number);
  end loop;
  return extensions.encrypt(counters, key, 'aes-ecb/pad:none');
end
$$;

create function vectabase.gcm_tag(stream bytea, aad bytea, ciphertext bytea) returns bytea
language plpgsql immutable strict parallel safe set search_path = ''
as $$
begin
  return vectabase.xor(
    substr(stream, 17, 16),
    vectabase.ghash(substr(stream, 1, 16),
      aad || decode(repeat('00', -length(aad) & 15), 'hex')
      || ciphertext || decode(repeat('00', -length(ciphertext) & 15), 'hex')
      || int8send(length(aad) * 8::bigint) || int8send(length(ciphertext) * 8::bigint)));
end
$$;

-- Through bit strings, which have an operator; their wire form begins with a length of four bytes.
create function vectabase.xor(a bytea, b bytea) returns bytea
language sql immutable parallel safe
return substr(varbit_send(('x' || encode(a, 'hex'))::varbit # ('x' || encode(b, 'hex'))::varbit), 5);

-- nonce | ciphertext | tag
create function vectabase.gcm_seal(key bytea, nonce bytea, plaintext bytea, aad bytea) returns bytea
language plpgsql immutable strict parallel safe set search_path = ''
as $$
declare
  stream bytea := vectabase.gcm_blocks(key, nonce, (length(plaintext) + 15) / 16);
  ciphertext bytea := vectabase.xor(plaintext, substr(stream, 33, length(plaintext)));
begin
  return nonce || ciphertext || vectabase.gcm_tag(stream, aad, ciphertext);
end
$$;

-- null when the box is not of this key and this data, or was changed
create function vectabase.gcm_open(key bytea, box bytea, aad bytea) returns bytea
language plpgsql immutable strict parallel safe set search_path = ''
as $$
declare
  size integer := length(box) - 28;
  ciphertext bytea;
  stream bytea;
begin
  if size < 0 then
    return null;
  end if;
  ciphertext := substr(box, 13, size);
  stream := vectabase.gcm_blocks(key, substr(box, 1, 12), (size + 15) / 16);
  -- hashed with the key, so that the time of the comparison tells nothing of the right tag
  if sha256(key || substr(box, 13 + size)) <> sha256(key || vectabase.gcm_tag(stream, aad, ciphertext)) then
    return null;
  end if;
  return vectabase.xor(ciphertext, substr(stream, 33, size));
end
$$;
