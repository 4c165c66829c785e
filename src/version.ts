import metadata from '../package.json' with { type: 'json' };

/** The version of cluster-ca, from package.json. */
export const VERSION: string = metadata.version;
