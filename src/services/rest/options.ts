/** Settings of the engine: the section `rest` of the configuration. */
export interface RestOptions {
  /** Exposed; the first one serves requests that name none. */
  readonly schemas: readonly string[];
  readonly extraSearchPath: readonly string[];
  /** Who asks without a token; undefined refuses them. */
  readonly anonRole: string | undefined;
  /** Most rows of one answer; 0 for all. */
  readonly maxRows: number;
  readonly txEnd: 'commit' | 'commit-allow-override' | 'rollback' | 'rollback-allow-override';
  /** `schema.function` that runs before each request. */
  readonly preRequest: string | undefined;
  readonly planEnabled: boolean;
  readonly aggregatesEnabled: boolean;
  readonly openapiMode: 'follow-privileges' | 'ignore-privileges' | 'disabled';
  readonly serverTiming: boolean;
  /** Whether a write that touched nothing says when row policies hid every row. For development: it tells strangers. */
  readonly diagnostics?: boolean;
  /** Function that answers the root instead of the description. */
  readonly rootSpec: string | undefined;
  /** Whether the description tells that calls take a token. */
  readonly openapiSecurity: boolean;
  /** Where clients reach the API, for the description. */
  readonly openapiProxyUri: string | undefined;
  /** `app.settings.*` of each request. */
  readonly appSettings?: Readonly<Record<string, string>>;
}
