-- What pretends to be Citus where there is none: its functions refuse what Citus
-- 12.1 was seen to refuse, note what they were asked, and leave the tables as they are.
CREATE TABLE citus_tables (
    table_name          regclass PRIMARY KEY,
    citus_table_type    text NOT NULL,
    distribution_column text NOT NULL,
    colocation_id       int NOT NULL DEFAULT 0
);

CREATE TABLE pg_dist_object (classid oid NOT NULL, objid oid NOT NULL);

CREATE FUNCTION citus_version() RETURNS text LANGUAGE sql AS $$ SELECT 'Citus 12.1 (pretended)' $$;

CREATE FUNCTION must_be_ready(tab regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM citus_tables WHERE table_name = tab) THEN
        RAISE EXCEPTION 'table % is already distributed', tab;
    END IF;
    IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = tab AND NOT tgisinternal) THEN
        RAISE EXCEPTION 'cannot distribute relation % because it has triggers', tab;
    END IF;
    IF EXISTS (SELECT FROM pg_policy WHERE polrelid = tab AND pg_get_expr(polqual, polrelid) LIKE '%SELECT%') THEN
        RAISE EXCEPTION 'cannot create policy: subqueries are not supported in policies on distributed tables';
    END IF;
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = tab AND attidentity <> '') THEN
        RAISE EXCEPTION 'cannot distribute relation % because it uses an identity column', tab;
    END IF;
    IF EXISTS (
        SELECT FROM pg_constraint
        WHERE conrelid = tab AND contype = 'f' AND NOT EXISTS (
            SELECT FROM citus_tables WHERE table_name = confrelid AND citus_table_type = 'reference')
    ) THEN
        RAISE EXCEPTION '% has a foreign key to a table that is not a reference table', tab;
    END IF;
    IF EXISTS (SELECT FROM pg_constraint WHERE confrelid = tab AND contype = 'f') THEN
        RAISE EXCEPTION '% is referred to by a local table', tab;
    END IF;
END
$$;

CREATE FUNCTION create_reference_table(table_name regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM must_be_ready(table_name);
    INSERT INTO citus_tables VALUES (table_name, 'reference', '<none>');
END
$$;

CREATE FUNCTION create_distributed_table(
    table_name regclass, distribution_column text, distribution_type text DEFAULT 'hash',
    colocate_with text DEFAULT 'default', shard_count int DEFAULT NULL
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM must_be_ready(table_name);
    IF colocate_with NOT IN ('none', 'default')
        AND NOT EXISTS (SELECT FROM citus_tables AS c WHERE c.table_name = colocate_with::regclass) THEN
        RAISE EXCEPTION 'relation % is not distributed', colocate_with;
    END IF;
    IF EXISTS (
        SELECT FROM pg_index AS x
        JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attname = distribution_column
        WHERE x.indrelid = table_name AND x.indisunique AND NOT a.attnum = ANY (x.indkey::int2[])
    ) THEN
        RAISE EXCEPTION 'cannot create constraint on %: unique keys must contain the distribution column', table_name;
    END IF;
    IF NOT (SELECT attnotnull FROM pg_attribute WHERE attrelid = table_name AND attname = distribution_column) THEN
        RAISE EXCEPTION 'the distribution column of % may be null', table_name;
    END IF;
    INSERT INTO citus_tables VALUES (table_name, 'distributed', distribution_column);
END
$$;

CREATE FUNCTION truncate_local_data_after_distributing_table(function_table_name regclass) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM citus_tables WHERE table_name = function_table_name) THEN
        RAISE EXCEPTION '% is not distributed', function_table_name;
    END IF;
END
$$;

CREATE FUNCTION create_distributed_function(function_name regprocedure) RETURNS void LANGUAGE sql AS $$
    INSERT INTO pg_dist_object VALUES ('pg_proc'::regclass, function_name)
$$;

-- An update must not name the column that says where a row is.
CREATE FUNCTION refuse_to_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'modifying the partition value of rows is not allowed';
END
$$;
