"""The client of Supabase's Management API: typed calls and models, no policy."""
