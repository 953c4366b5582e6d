"""What an importer passes on: raw clips, their people, joints and units, and the canonical sequence made of them."""
